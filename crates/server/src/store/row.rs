//! Reads columns, each as what it must be, or says which row of which table is wrong; and writes what columns hold.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{Any, Decode, Row, Type};

use super::StoreError;

/// A row together with what an error must name: its table and the columns of its key.
#[derive(Clone, Copy)]
pub struct Record<'r> {
    row: &'r AnyRow,
    table: &'static str,
    key: &'static [&'static str],
}

impl std::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({} {})", self.table, self.name())
    }
}

impl<'r> Record<'r> {
    /// A row of `table`; the columns of its `key` must be among those that were selected to be named in errors.
    pub fn of(table: &'static str, key: &'static [&'static str], row: &'r AnyRow) -> Self {
        Self { row, table, key }
    }

    /// A text.
    pub fn text(&self, column: &str) -> Result<String, StoreError> {
        self.column(column)
    }

    /// A text, or none.
    pub fn optional_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        self.column(column)
    }

    /// A whole number, in the range of what it becomes.
    pub fn number<N: TryFrom<i64>>(&self, column: &str) -> Result<N, StoreError> {
        let number: i64 = self.column(column)?;
        self.in_range(column, number)
    }

    /// A whole number, or none.
    pub fn optional_number<N: TryFrom<i64>>(&self, column: &str) -> Result<Option<N>, StoreError> {
        let number: Option<i64> = self.column(column)?;
        number.map(|number| self.in_range(column, number)).transpose()
    }

    /// A truth: 0 or 1.
    pub fn truth(&self, column: &str) -> Result<bool, StoreError> {
        match self.column(column)? {
            0_i64 => Ok(false),
            1 => Ok(true),
            other => Err(self.wrong(column, format!("{other} is neither 0 nor 1"))),
        }
    }

    /// An instant, see [`millis`].
    pub fn instant(&self, column: &str) -> Result<Timestamp, StoreError> {
        let millis = self.column(column)?;
        self.timestamp(column, millis)
    }

    /// An instant, or none.
    pub fn optional_instant(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        let millis: Option<i64> = self.column(column)?;
        millis.map(|millis| self.timestamp(column, millis)).transpose()
    }

    /// A record or list, see [`json`].
    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|error| self.wrong(column, error))
    }

    /// A record or list, or none.
    pub fn optional_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let text = self.optional_text(column)?;
        text.map(|text| serde_json::from_str(&text).map_err(|error| self.wrong(column, error))).transpose()
    }

    /// A text that is parsed: a version, a name, a word of ours.
    pub fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(|error| self.wrong(column, error))
    }

    /// A text that is parsed, or none.
    pub fn optional_parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let text = self.optional_text(column)?;
        text.map(|text| text.parse().map_err(|error| self.wrong(column, error))).transpose()
    }

    /// What is wrong with this row, for whoever reads a column in a way of its own.
    pub fn wrong(&self, column: &str, problem: impl Display) -> StoreError {
        StoreError::Row { table: self.table, row: self.name(), problem: format!("{column}: {problem}") }
    }

    fn column<T: Decode<'r, Any> + Type<Any>>(&self, column: &str) -> Result<T, StoreError> {
        self.row.try_get(column).map_err(|error| {
            if let sqlx::Error::ColumnDecode { source, .. } = error {
                // Not that the column cannot be decoded: that is said already.
                self.wrong(column, source)
            } else {
                self.wrong(column, error)
            }
        })
    }

    fn in_range<N: TryFrom<i64>>(&self, column: &str, number: i64) -> Result<N, StoreError> {
        N::try_from(number).map_err(|_| self.wrong(column, format!("{number} is out of range")))
    }

    fn timestamp(&self, column: &str, millis: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_millisecond(millis).map_err(|error| self.wrong(column, error))
    }

    /// The row's key as people write it.
    fn name(&self) -> String {
        let column = |column: &&str| {
            let text = self.row.try_get::<String, _>(*column);
            text.or_else(|_| self.row.try_get::<i64, _>(*column).map(|number| number.to_string()))
                .unwrap_or_else(|_| "?".to_owned())
        };
        self.key.iter().map(column).collect::<Vec<_>>().join("/")
    }
}

/// How an instant is stored: in milliseconds since 1970.
pub fn millis(instant: Timestamp) -> i64 {
    instant.as_millisecond()
}

/// How a record or list is stored.
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our records have only text keys")
}

#[cfg(test)]
mod tests;
