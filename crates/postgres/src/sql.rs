//! The statements, with the name of the schema in them.
//!
//! Each is one statement and so one transaction: nothing of this node's is open between two messages, and a node that is
//! paused holds no lock. None has a name, so a pooler may give each one another connection.

use super::schema::quoted;

/// In which life of the database a statement runs. A copy of it, or a standby that was promoted, is another one.
const LIFE: &str = "
    life AS MATERIALIZED (
        SELECT restored, (SELECT system_identifier FROM pg_control_system()) AS system,
            ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int AS timeline
        FROM {s}.outlive)";

/// Whether this node is not dead. It is $1 in each statement.
const LIVING: &str = "EXISTS (SELECT FROM {s}.node WHERE epoch = $1)";

/// Whether nobody owns the session `s`.
const NOBODYS: &str =
    "(s.owner IS NULL OR NOT EXISTS (SELECT FROM {s}.node n WHERE n.epoch = s.owner))";

#[derive(Debug)]
pub(super) struct Sql {
    pub(super) create: String,
    pub(super) commit: String,
    pub(super) claim: String,
    pub(super) release: String,
    pub(super) settle: String,
    pub(super) forget: String,
    pub(super) load: String,
    pub(super) owner: String,
    pub(super) confirm: String,
    pub(super) chunks: String,
    pub(super) unfinished: String,
    pub(super) sweep: String,
    pub(super) principal: String,
    pub(super) sessions_of: String,
    pub(super) open: String,
    pub(super) restored: String,
    pub(super) renew: String,
    pub(super) judge: String,
    pub(super) orphans: String,
    pub(super) leave: String,
}

impl Sql {
    pub(super) fn of(schema: &str) -> Sql {
        let name = quoted(schema);
        let sql = |text: &str| {
            text.replace("{life}", LIFE)
                .replace("{living}", LIVING)
                .replace("{nobodys}", NOBODYS)
                .replace("{s}", &name)
        };
        Sql {
            create: sql(CREATE),
            commit: sql(COMMIT),
            claim: sql(CLAIM),
            release: sql(RELEASE),
            settle: sql(SETTLE),
            forget: sql(FORGET),
            load: sql(LOAD),
            owner: sql(OWNER),
            confirm: sql(CONFIRM),
            chunks: sql(READ),
            unfinished: sql(UNFINISHED),
            sweep: sql(SWEEP),
            principal: sql(PRINCIPAL),
            sessions_of: sql(SESSIONS_OF),
            open: sql(OPEN),
            restored: sql(RESTORED),
            renew: sql(RENEW),
            judge: sql(JUDGE),
            orphans: sql(ORPHANS),
            leave: sql(LEAVE),
        }
    }
}

/// First commits. A row of version 0 is no session, but says which first commits are too late; that of a dead node says
/// nothing any more.
const CREATE: &str = "
WITH c AS MATERIALIZED (
        SELECT * FROM unnest($2::text[], $3::bigint[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::text[], $9::bytea[], $10::bigint[], $11::text[], $12::bigint[])
        WITH ORDINALITY AS c(id, version, attempt, before, head, base, state, snapshot, sum, principal,
            principal_sum, n)),
    {life},
    made AS (
        INSERT INTO {s}.session AS s (id, owner, version, attempt, system, timeline, restored, state, was, base, head,
            snapshot, sum, principal, principal_sum)
        SELECT c.id, $1, 1, c.attempt, life.system, life.timeline, life.restored, c.state, 0, c.base, c.head,
            c.snapshot, c.sum, c.principal, c.principal_sum
        FROM c, life WHERE c.before = 0 AND {living}
        ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, version = 1, attempt = excluded.attempt,
            system = excluded.system, timeline = excluded.timeline, restored = excluded.restored,
            state = excluded.state, was = 0, base = excluded.base, head = excluded.head,
            snapshot = excluded.snapshot, sum = excluded.sum, principal = excluded.principal,
            principal_sum = excluded.principal_sum
        WHERE s.version = 0 AND (s.owner = excluded.owner AND s.attempt <= excluded.attempt OR {nobodys})
        RETURNING s.id, s.key),
    done AS MATERIALIZED (SELECT c.n, made.key FROM made JOIN c USING (id)),
    lines AS (
        INSERT INTO {s}.chunk (session, first, last, body, sum)
        SELECT done.key, l.first, l.last, l.body, l.sum
        FROM unnest($13::bigint[], $14::bigint[], $15::bigint[], $16::bytea[], $17::bigint[])
            AS l(n, first, last, body, sum) JOIN done USING (n))
SELECT n FROM done";

/// Commits of sessions that there are. Those whose number is not returned were not taken.
const COMMIT: &str = "
WITH c AS MATERIALIZED (
        SELECT * FROM unnest($2::text[], $3::bigint[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::text[], $9::bytea[], $10::bigint[])
        WITH ORDINALITY AS c(id, version, attempt, before, head, base, state, snapshot, sum, n)),
    {life},
    done AS (
        UPDATE {s}.session s SET version = s.version + 1, attempt = c.attempt, system = life.system,
            timeline = life.timeline, restored = life.restored, state = c.state, was = s.base, base = c.base,
            head = c.head, snapshot = c.snapshot, sum = c.sum
        FROM c, life
        WHERE s.id = c.id AND s.owner = $1 AND s.version = c.version AND s.attempt <= c.attempt
            AND s.head = c.before AND s.base <= c.base AND {living}
        RETURNING c.n, s.key, s.was, s.base),
    lines AS (
        INSERT INTO {s}.chunk (session, first, last, body, sum)
        SELECT done.key, l.first, l.last, l.body, l.sum
        FROM unnest($11::bigint[], $12::bigint[], $13::bigint[], $14::bytea[], $15::bigint[])
            AS l(n, first, last, body, sum) JOIN done USING (n)),
    trimmed AS (
        -- What was trimmed before is gone: without the lower bound its entries in the index would be walked over.
        DELETE FROM {s}.chunk x USING done
        WHERE done.base > done.was AND x.session = done.key AND x.last > done.was AND x.last <= done.base)
SELECT n FROM done";

/// Sessions of nobody become this node's. The owner that was seen must still be the one in the row.
const CLAIM: &str = "
WITH c AS MATERIALIZED (SELECT * FROM unnest($2::text[], $3::int[]) WITH ORDINALITY AS c(id, attempt, n)),
    seen AS MATERIALIZED (
        SELECT s.key, s.owner, c.attempt, c.n FROM c JOIN {s}.session s ON s.id = c.id
        WHERE s.version > 0 AND {nobodys} AND {living} ORDER BY s.key),
    done AS (
        UPDATE {s}.session s SET owner = $1, attempt = greatest(s.attempt, seen.attempt) FROM seen
        WHERE s.key = seen.key AND s.owner IS NOT DISTINCT FROM seen.owner
        RETURNING seen.n)
SELECT n FROM done";

const RELEASE: &str = "
WITH c AS MATERIALIZED (SELECT * FROM unnest($2::text[]) WITH ORDINALITY AS c(id, n)),
    done AS (
        UPDATE {s}.session s SET owner = NULL FROM c WHERE s.id = c.id AND s.owner = $1 AND s.version > 0
        RETURNING c.n)
SELECT n FROM done";

/// Waits for whatever runs on the rows, and makes what is still on its way too late. If there is no row, one of version 0
/// makes a first commit too late.
const SETTLE: &str = "
WITH c AS MATERIALIZED (SELECT * FROM unnest($2::text[], $3::int[]) WITH ORDINALITY AS c(id, attempt, n)),
    {life},
    done AS (
        INSERT INTO {s}.session AS s (id, owner, version, attempt, system, timeline, restored, state, was, base, head,
            snapshot, sum)
        SELECT c.id, $1, 0, c.attempt, life.system, life.timeline, life.restored, '', 0, 0, 0, '', 0 FROM c, life
        ON CONFLICT (id) DO UPDATE SET attempt = excluded.attempt
        WHERE s.owner = excluded.owner AND s.attempt < excluded.attempt
        RETURNING s.id)
SELECT c.n FROM c JOIN done USING (id)";

/// A row whose attempt is not 0 stays, as one of version 0: its first commit may still be on its way.
const FORGET: &str = "
WITH c AS MATERIALIZED (SELECT * FROM unnest($2::text[], $3::int[]) WITH ORDINALITY AS c(id, attempt, n)),
    gone AS (
        DELETE FROM {s}.session s USING c
        WHERE s.id = c.id AND s.owner = $1 AND s.version > 0 AND s.attempt = 0 AND {living}
        RETURNING c.n, s.key),
    emptied AS (
        UPDATE {s}.session s SET version = 0, state = '', was = 0, base = 0, head = 0, snapshot = '', sum = 0,
            principal = NULL, principal_sum = NULL
        FROM c
        WHERE s.id = c.id AND s.owner = $1 AND s.version > 0 AND s.attempt > 0 AND s.attempt <= c.attempt AND {living}
        RETURNING c.n, s.key),
    done AS MATERIALIZED (SELECT * FROM gone UNION ALL SELECT * FROM emptied),
    lines AS (DELETE FROM {s}.chunk x USING done WHERE x.session = done.key)
SELECT n FROM done
UNION ALL
SELECT n FROM c
WHERE {living} AND NOT EXISTS (SELECT FROM {s}.session s WHERE s.id = c.id AND s.version > 0)";

/// Of all records that are there. $2: whether a standby that is promoted has everything.
const LOAD: &str = "
WITH {life}
SELECT s.id, s.version, s.attempt, s.state, s.base, s.head, s.snapshot, s.sum, n.epoch, n.address,
    s.system = life.system AND s.restored = life.restored AND (s.timeline = life.timeline OR $2) AS same
FROM {s}.session s CROSS JOIN life LEFT JOIN {s}.node n ON n.epoch = s.owner
WHERE s.id = ANY ($1)";

const OWNER: &str = "
SELECT s.state, n.epoch, n.address FROM {s}.session s LEFT JOIN {s}.node n ON n.epoch = s.owner
WHERE s.id = $1 AND s.version > 0";

/// A standby that was promoted without the last commits has an older version.
const CONFIRM: &str = "SELECT {living} AND EXISTS (SELECT FROM {s}.session WHERE id = $2 AND owner = $1 AND version = $3)";

/// The record, and the chunks from $2 to $3: at most $4 of them, and none behind $5 bytes.
const READ: &str = "
SELECT s.version, s.state, s.base, s.head, s.snapshot, s.sum, x.first, x.last, x.body, x.sum
FROM {s}.session s LEFT JOIN LATERAL (
    SELECT * FROM (
        SELECT x.*, sum(octet_length(x.body)) OVER (ORDER BY x.last) - octet_length(x.body) AS before
        FROM (
            SELECT first, last, body, sum FROM {s}.chunk
            WHERE session = s.key AND last >= $2 ORDER BY last LIMIT $4) x) x
    WHERE x.first <= $3 AND x.before <= $5) x ON true
WHERE s.id = $1 AND s.version > 0 ORDER BY x.last";

const UNFINISHED: &str = "
SELECT s.key, s.id FROM {s}.session s
WHERE s.unfinished AND s.key > $2 AND s.version > 0 AND (s.owner = $1 OR {nobodys})
ORDER BY s.key LIMIT $3";

/// First commits of a dead node are refused anyway.
const SWEEP: &str = "DELETE FROM {s}.session s WHERE s.unfinished AND s.version = 0 AND {nobodys}";

const PRINCIPAL: &str =
    "SELECT principal, principal_sum FROM {s}.session WHERE id = $1 AND version > 0";

const SESSIONS_OF: &str = "
SELECT key, id, principal_sum FROM {s}.session
WHERE principal = $1 AND key < $2 AND version > 0 ORDER BY key DESC LIMIT $3";

/// Who has the name of another node takes its place: that one is dead. Returns whether it seemed to live.
const OPEN: &str = "
WITH before AS (SELECT lease_until > clock_timestamp() AS living FROM {s}.node WHERE name = $2)
INSERT INTO {s}.node AS n (epoch, name, address, lease, lease_until, steady_since)
SELECT $1, $2, $3, lease, clock_timestamp() + lease, clock_timestamp() FROM make_interval(secs => $4) AS lease
ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, address = excluded.address, lease = excluded.lease,
    lease_until = excluded.lease_until, steady_since = excluded.steady_since
RETURNING coalesce((SELECT living FROM before), false)";

const RESTORED: &str = "UPDATE {s}.outlive SET restored = restored + 1";

const RENEW: &str = "
UPDATE {s}.node SET lease_until = clock_timestamp() + lease,
    steady_since = CASE WHEN lease_until < clock_timestamp() THEN clock_timestamp() ELSE steady_since END
WHERE epoch = $1 RETURNING true";

/// After an outage of the database all leases are over, and the first to come back must not judge the others by that.
const JUDGE: &str = "
DELETE FROM {s}.node n USING {s}.node me
WHERE me.epoch = $1 AND me.lease_until > clock_timestamp()
    AND me.steady_since < clock_timestamp() - greatest(me.lease, n.lease)
    AND n.epoch <> me.epoch AND n.lease_until < clock_timestamp()
RETURNING n.name";

/// Whether an unfinished session is nobody's. It asks once for each owner that there is, not for each session.
const ORPHANS: &str = "
WITH RECURSIVE o AS (
    (SELECT owner FROM {s}.session WHERE unfinished ORDER BY owner LIMIT 1)
    UNION ALL
    SELECT (SELECT s.owner FROM {s}.session s WHERE s.unfinished AND s.owner > o.owner ORDER BY s.owner LIMIT 1)
    FROM o WHERE o.owner IS NOT NULL)
SELECT EXISTS (SELECT FROM {s}.session WHERE unfinished AND owner IS NULL)
    OR EXISTS (SELECT FROM o WHERE owner IS NOT NULL AND NOT EXISTS (SELECT FROM {s}.node n WHERE n.epoch = o.owner))";

const LEAVE: &str = "DELETE FROM {s}.node WHERE epoch = $1";
