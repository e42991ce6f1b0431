//! A batch of writes as one statement: each column is an array, with an item for each write.

use outlive_server::store::SessionId;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};

use super::attempts::Attempts;
use super::connect::Parameter;
use super::prepare::PreparedCommit;
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
    let commits: Vec<&PreparedCommit> = batch
        .iter()
        .filter_map(|pending| match &pending.write {
            Write::Create(commit) | Write::Commit(commit) => Some(&**commit),
            Write::Claim | Write::Release | Write::Settle(_) | Write::Forget => None,
        })
        .collect();
    let of = |number: fn(&PreparedCommit) -> i64| -> Vec<i64> {
        commits.iter().map(|commit| number(commit)).collect()
    };
    let ids: Vec<&str> = commits.iter().map(|commit| commit.session.as_str()).collect();
    let versions = of(|commit| commit.expect);
    let own: Vec<i32> = commits.iter().map(|commit| attempts.of(&commit.session)).collect();
    let (before, head, base) =
        (of(|commit| commit.before), of(|commit| commit.head), of(|commit| commit.base));
    let states: Vec<&str> = commits.iter().map(|commit| commit.state).collect();
    let snapshots: Vec<&[u8]> = commits.iter().map(|commit| &*commit.snapshot).collect();
    let sums = of(|commit| commit.sum);
    let principals: Vec<Option<&str>> = commits
        .iter()
        .map(|commit| commit.principal.as_ref().map(|(name, _)| name.as_str()))
        .collect();
    let principal_sums: Vec<Option<i64>> =
        commits.iter().map(|commit| commit.principal.as_ref().map(|(_, sum)| *sum)).collect();
    let chunks = || (1_i64..).zip(&commits).flat_map(|(n, c)| c.chunks.iter().map(move |x| (n, x)));
    let of_chunks: Vec<i64> = chunks().map(|(number, _)| number).collect();
    let firsts: Vec<i64> = chunks().map(|(_, chunk)| chunk.first).collect();
    let lasts: Vec<i64> = chunks().map(|(_, chunk)| chunk.last).collect();
    let bodies: Vec<&[u8]> = chunks().map(|(_, chunk)| &*chunk.body).collect();
    let chunk_sums: Vec<i64> = chunks().map(|(_, chunk)| chunk.sum).collect();
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
