//! A batch of writes as one statement: each column is an array, with an item for each write.

use outlive_server::store::{CommitRows, SessionId};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};

use super::attempts::Attempts;
use super::connect::Parameter;
use super::sql::Sql;
use super::writer::{Pending, Write};

/// Carries out writes of one kind; returns a row for each that was taken, with its number, from 1.
pub(super) async fn run(
    client: &Client,
    sql: &Sql,
    epoch: i64,
    attempts: &Attempts,
    batch: &[Pending],
) -> Result<Vec<Row>, Error> {
    let Some(first) = batch.first() else { return Ok(Vec::new()) };
    let ids: Vec<&str> = batch.iter().map(|pending| pending.session.as_str()).collect();
    let numbers = |number: &dyn Fn(&SessionId) -> i32| -> Vec<i32> {
        batch.iter().map(|pending| number(&pending.session)).collect()
    };
    match &first.write {
        Write::Create(_) => commit(client, &sql.create, epoch, attempts, batch, true).await,
        Write::Commit(_) => commit(client, &sql.commit, epoch, attempts, batch, false).await,
        Write::Claim => {
            // More than any that this node may have on its way, from when it owned the session before.
            let least = numbers(&|session| attempts.next(session));
            by_id(client, &sql.claim, epoch, &ids, Some(least)).await
        }
        Write::Release => by_id(client, &sql.release, epoch, &ids, None).await,
        Write::Settle(_) => {
            let numbers = batch.iter().map(|pending| match pending.write {
                Write::Settle(number) => number,
                Write::Create(_)
                | Write::Commit(_)
                | Write::Claim
                | Write::Release
                | Write::Forget => 0,
            });
            by_id(client, &sql.settle, epoch, &ids, Some(numbers.collect())).await
        }
        Write::Forget => {
            let own = numbers(&|session| attempts.of(session));
            by_id(client, &sql.forget, epoch, &ids, Some(own)).await
        }
    }
}

async fn by_id(
    client: &Client,
    sql: &str,
    epoch: i64,
    ids: &[&str],
    numbers: Option<Vec<i32>>,
) -> Result<Vec<Row>, Error> {
    let mut parameters: Vec<Parameter<'_>> = vec![(&epoch, Type::INT8), (&ids, Type::TEXT_ARRAY)];
    if let Some(numbers) = &numbers {
        parameters.push((numbers, Type::INT4_ARRAY));
    }
    client.query_typed(sql, &parameters).await
}

async fn commit(
    client: &Client,
    sql: &str,
    epoch: i64,
    attempts: &Attempts,
    batch: &[Pending],
    creates: bool,
) -> Result<Vec<Row>, Error> {
    let commits = || {
        batch.iter().filter_map(|pending| match &pending.write {
            Write::Create(commit) | Write::Commit(commit) => Some(&**commit),
            Write::Claim | Write::Release | Write::Settle(_) | Write::Forget => None,
        })
    };
    let of = |number: fn(&CommitRows) -> i64| -> Vec<i64> {
        commits().map(|commit| number(&commit.rows)).collect()
    };
    let ids: Vec<&str> = commits().map(|commit| commit.rows.session.as_str()).collect();
    let versions = of(|rows| rows.expect);
    let own: Vec<i32> = commits().map(|commit| attempts.of(&commit.rows.session)).collect();
    let (before, head, base) = (of(|rows| rows.before), of(|rows| rows.head), of(|rows| rows.base));
    let states: Vec<&str> = commits().map(|commit| commit.rows.state).collect();
    let snapshots: Vec<&[u8]> = commits().map(|commit| commit.rows.snapshot.as_bytes()).collect();
    let sums: Vec<i64> = commits().map(|commit| commit.sum).collect();
    let principals: Vec<Option<&str>> =
        commits().map(|commit| commit.rows.principal.as_deref()).collect();
    let principal_sums: Vec<Option<i64>> = commits().map(|commit| commit.principal_sum).collect();
    let chunks =
        || (1_i64..).zip(commits()).flat_map(|(n, c)| c.rows.chunks.iter().map(move |x| (n, x)));
    let of_chunks: Vec<i64> = chunks().map(|(number, _)| number).collect();
    let firsts: Vec<i64> = chunks().map(|(_, chunk)| chunk.first).collect();
    let lasts: Vec<i64> = chunks().map(|(_, chunk)| chunk.last).collect();
    let bodies: Vec<&[u8]> = chunks().map(|(_, chunk)| chunk.body.as_bytes()).collect();
    let chunk_sums: Vec<i64> =
        commits().flat_map(|commit| commit.chunk_sums.iter().copied()).collect();
    let mut parameters: Vec<Parameter<'_>> = vec![
        (&epoch, Type::INT8),
        (&ids, Type::TEXT_ARRAY),
        (&versions, Type::INT8_ARRAY),
        (&own, Type::INT4_ARRAY),
        (&before, Type::INT8_ARRAY),
        (&head, Type::INT8_ARRAY),
        (&base, Type::INT8_ARRAY),
        (&states, Type::TEXT_ARRAY),
        (&snapshots, Type::BYTEA_ARRAY),
        (&sums, Type::INT8_ARRAY),
    ];
    if creates {
        parameters.extend::<[Parameter<'_>; 2]>([
            (&principals, Type::TEXT_ARRAY),
            (&principal_sums, Type::INT8_ARRAY),
        ]);
    }
    parameters.extend::<[Parameter<'_>; 5]>([
        (&of_chunks, Type::INT8_ARRAY),
        (&firsts, Type::INT8_ARRAY),
        (&lasts, Type::INT8_ARRAY),
        (&bodies, Type::BYTEA_ARRAY),
        (&chunk_sums, Type::INT8_ARRAY),
    ]);
    client.query_typed(sql, &parameters).await
}
