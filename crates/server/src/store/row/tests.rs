//! Columns arrive as what they are, and a wrong one names its row.

use sqlx::AnyConnection;

use super::*;
use crate::store::{Store, Work};

fn row(sql: &'static str) -> impl for<'c> FnOnce(&'c mut AnyConnection) -> Work<'c, AnyRow> + Send {
    move |connection| Box::pin(async move { Ok(sqlx::query(sql).fetch_one(connection).await?) })
}

#[tokio::test]
async fn each_column_arrives_as_what_it_is() {
    let (_folder, store) = Store::temporary().await;
    let sql = "SELECT 'a' AS t, NULL AS n, 7 AS i, 1 AS b, 1700000000001 AS at, '[1,2]' AS j, '2.5' AS p";
    let row = store.read(row(sql)).await.unwrap();
    let record = Record::of("things", &["t"], &row);
    assert_eq!(record.text("t").unwrap(), "a");
    assert_eq!(record.optional_text("t").unwrap().as_deref(), Some("a"));
    assert_eq!(record.optional_text("n").unwrap(), None);
    assert_eq!(record.number::<u8>("i").unwrap(), 7);
    assert_eq!(record.optional_number::<u64>("i").unwrap(), Some(7));
    assert_eq!(record.optional_number::<u64>("n").unwrap(), None);
    assert!(record.truth("b").unwrap());
    assert_eq!(millis(record.instant("at").unwrap()), 1_700_000_000_001);
    assert_eq!(record.optional_instant("n").unwrap(), None);
    assert_eq!(record.json::<Vec<u8>>("j").unwrap(), [1, 2]);
    assert_eq!(record.optional_json::<Vec<u8>>("n").unwrap(), None);
    assert_eq!(record.parsed::<f64>("p").unwrap(), 2.5);
    assert_eq!(record.optional_parsed::<f64>("n").unwrap(), None);
}

#[tokio::test]
async fn a_wrong_column_names_its_row_and_table() {
    let (_folder, store) = Store::temporary().await;
    let row = store.read(row("SELECT 'd1' AS d, 9 AS k, 'x' AS t, NULL AS n, 300 AS i")).await.unwrap();
    let record = Record::of("things", &["d", "k"], &row);
    let said = |error: StoreError| error.to_string();
    let of = "the row d1/9 of things cannot be understood: ";
    assert_eq!(said(record.number::<u8>("i").unwrap_err()), format!("{of}i: 300 is out of range"));
    assert_eq!(said(record.truth("i").unwrap_err()), format!("{of}i: 300 is neither 0 nor 1"));
    assert_eq!(said(record.json::<u8>("t").unwrap_err()), format!("{of}t: expected value at line 1 column 1"));
    assert_eq!(said(record.parsed::<u8>("t").unwrap_err()), format!("{of}t: invalid digit found in string"));
    assert!(said(record.text("n").unwrap_err()).starts_with(&format!("{of}n: ")));
    assert!(said(record.number::<u8>("t").unwrap_err()).starts_with(&format!("{of}t: ")));
    assert_eq!(said(record.text("gone").unwrap_err()), format!("{of}gone: no column found for name: gone"));
}
