//! Sessions that somebody waits for: of several who want one each at the same moment, the first to restore brings back
//! all of them.

use bstr::BString;
use jiff::Timestamp;
use rusqlite::params;

use super::error::StoreError;
use super::save::server_row;
use super::{Store, micros};
use crate::model::ServerName;

impl Store {
    /// Notes that somebody waits for a session of this name.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn want(&self, server: &ServerName, session: &BString, now: Timestamp) -> Result<(), StoreError> {
        self.require_write()?;
        self.write(|connection| {
            let server = server_row(connection, server)?;
            connection.execute(
                "INSERT OR REPLACE INTO wanted VALUES (?1, ?2, ?3)",
                params![server, &session[..], micros(now)],
            )
        })
        .map(drop)
    }

    /// Takes on the sessions that somebody has begun to wait for after `since`. Nobody waits for older ones any more: they
    /// are dropped.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn take_wanted(&self, server: &ServerName, since: Timestamp) -> Result<Vec<BString>, StoreError> {
        self.require_write()?;
        self.write(|connection| {
            let server = server_row(connection, server)?;
            let mut statement =
                connection.prepare_cached("DELETE FROM wanted WHERE server = ?1 RETURNING session, at")?;
            let rows = statement.query_map([server], |row| {
                Ok((BString::from(row.get::<_, Vec<u8>>(0)?), row.get::<_, i64>(1)?))
            })?;
            let recent = |(session, at)| (at > micros(since)).then_some(session);
            rows.filter_map(|row| row.map(recent).transpose()).collect()
        })
    }
}
