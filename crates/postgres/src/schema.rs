//! The tables: how they are made, and how older ones are brought up to date.

use outlive_server::store::StoreError;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::faults::store_error;

/// What brings the tables from one schema to the next: the first makes version 1 of nothing. A step that was released is
/// never changed; a new one is added. `{s}` is the name of the schema, quoted.
const STEPS: &[&str] = &[r#"
CREATE TABLE {s}.outlive (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version int NOT NULL,            -- of these tables
    restored int NOT NULL DEFAULT 0  -- how often an operator has said that the database is an older copy
);
INSERT INTO {s}.outlive (version) VALUES (1);

-- A row for each node that is not dead.
CREATE TABLE {s}.node (
    epoch bigint PRIMARY KEY,          -- chosen by chance: never that of another one, also not after a fail-over
    name text COLLATE "C" NOT NULL UNIQUE,
    address text NOT NULL,
    lease interval NOT NULL,
    lease_until timestamptz NOT NULL,
    steady_since timestamptz NOT NULL  -- it has renewed its lease without a gap since then
) WITH (fillfactor = 20);

CREATE TABLE {s}.session (
    key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    owner bigint,                      -- node.epoch; NULL, or that of no node: nobody's
    version bigint NOT NULL,           -- how often it was committed; 0: no session, its name waits for a first commit
    attempt int NOT NULL,              -- commits of an earlier one are not taken
    system bigint NOT NULL,            -- in which life of the database it was committed last
    timeline int NOT NULL,
    restored int NOT NULL,
    state text NOT NULL,
    unfinished boolean NOT NULL GENERATED ALWAYS AS (state <> 'ENDED') STORED,
    was bigint NOT NULL,               -- the base before the last commit
    base bigint NOT NULL,
    head bigint NOT NULL,
    snapshot bytea NOT NULL,
    sum bigint NOT NULL,
    principal text COLLATE "C",
    principal_sum bigint
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- Not on what a commit changes: so most commits change no index.
CREATE INDEX session_unfinished ON {s}.session (key) WHERE unfinished;
CREATE INDEX session_owner ON {s}.session (owner) WHERE unfinished;
CREATE INDEX session_principal ON {s}.session (principal, key) WHERE principal IS NOT NULL;

CREATE TABLE {s}.chunk (
    session bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    sum bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (session, last)
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
"#];

/// The tables that this role must be able to read and to write.
const TABLES: [&str; 4] = ["outlive", "node", "session", "chunk"];

/// The name of a schema, as SQL has it.
pub(super) fn quoted(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}

/// Makes the tables if there are none, and brings them up to date.
pub(super) async fn prepare(client: &mut Client, schema: &str) -> Result<(), StoreError> {
    if identify(client, schema).await? < STEPS.len() {
        migrate(client, schema, STEPS).await?;
    }
    require_rights(client, schema).await
}

async fn migrate(client: &mut Client, schema: &str, steps: &[&str]) -> Result<(), StoreError> {
    let transaction = client.transaction().await.map_err(|error| store_error(&error))?;
    // One node at a time; and it looks again, for another one may have migrated meanwhile.
    let lock = "SELECT pg_advisory_xact_lock(hashtext('outlive'), hashtext($1))";
    transaction
        .query_typed(lock, &[(&schema, Type::TEXT)])
        .await
        .map_err(|error| store_error(&error))?;
    let found = identify(transaction.client(), schema).await?;
    let name = quoted(schema);
    if !exists(transaction.client(), schema).await? {
        let create = format!("CREATE SCHEMA {name}");
        transaction.batch_execute(&create).await.map_err(|error| no_rights(&error, schema))?;
    }
    for step in steps.iter().skip(found) {
        let step = step.replace("{s}", &name);
        transaction.batch_execute(&step).await.map_err(|error| no_rights(&error, schema))?;
    }
    let version = format!("UPDATE {name}.outlive SET version = {}", steps.len());
    transaction.batch_execute(&version).await.map_err(|error| store_error(&error))?;
    transaction.commit().await.map_err(|error| store_error(&error))
}

/// What a role needs that may not make the tables.
fn no_rights(error: &tokio_postgres::Error, schema: &str) -> StoreError {
    let error = store_error(error);
    if !matches!(error, StoreError::ReadOnly(_)) {
        return error;
    }
    let name = quoted(schema);
    error.context(format_args!(
        "the schema {name} cannot be made: let somebody who may do it run `CREATE SCHEMA {name} AUTHORIZATION` with the \
         name of this role"
    ))
}

async fn exists(client: &Client, schema: &str) -> Result<bool, StoreError> {
    let find = "SELECT FROM pg_namespace WHERE nspname = $1";
    let found = client
        .query_typed(find, &[(&schema, Type::TEXT)])
        .await
        .map_err(|error| store_error(&error))?;
    Ok(!found.is_empty())
}

/// The version of the tables; 0 if there are none.
async fn identify(client: &Client, schema: &str) -> Result<usize, StoreError> {
    let name = quoted(schema);
    let look = "
        SELECT coalesce(bool_or(c.relname = 'outlive'), false), count(*) > 0
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";
    let found = client
        .query_typed_one(look, &[(&schema, Type::TEXT)])
        .await
        .map_err(|error| store_error(&error))?;
    let foreign = || {
        let why = format!(
            "the schema {name} has the tables of another program: name another one, as in \
             `postgres://…/database?schema=chat`"
        );
        StoreError::Foreign(why.into())
    };
    match (found.get(0), found.get(1)) {
        (false, false) => return Ok(0),
        (false, true) => return Err(foreign()),
        (true, _) => {}
    }
    let version = format!("SELECT version, restored FROM {name}.outlive");
    let found = client.query_typed_opt(&version, &[]).await.map_err(|error| {
        let told = store_error(&error);
        if matches!(told, StoreError::Corrupt(_)) { foreign() } else { told }
    })?;
    let version: i32 = found.and_then(|row| row.try_get(0).ok()).ok_or_else(foreign)?;
    let known = STEPS.len();
    match usize::try_from(version) {
        Ok(version) if version > known => Err(StoreError::Newer(
            format!(
                "the tables in schema {name} have version {version}, and this one knows versions up to {known}"
            )
            .into(),
        )),
        Ok(version) if version > 0 => Ok(version),
        Ok(_) | Err(_) => Err(foreign()),
    }
}

async fn require_rights(client: &Client, schema: &str) -> Result<(), StoreError> {
    let name = quoted(schema);
    let check = "
        SELECT t, current_user::text FROM unnest($1::text[]) AS t
        WHERE NOT (has_table_privilege(t, 'SELECT') AND has_table_privilege(t, 'INSERT')
            AND has_table_privilege(t, 'UPDATE') AND has_table_privilege(t, 'DELETE')) LIMIT 1";
    let tables = TABLES.map(|table| format!("{name}.{table}"));
    let missing = client
        .query_typed_opt(check, &[(&&tables[..], Type::TEXT_ARRAY)])
        .await
        .map_err(|error| store_error(&error))?;
    let Some(row) = missing else { return Ok(()) };
    let (table, role): (String, String) = (row.get(0), row.get(1));
    let role = quoted(&role);
    let why = format!(
        "the role may not write {table}: let its owner run `GRANT ALL ON ALL TABLES IN SCHEMA {name} TO {role}`"
    );
    Err(StoreError::ReadOnly(why.into()))
}
