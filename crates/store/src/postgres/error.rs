//! The meaning of an error of PostgreSQL for the transaction, by its SQLSTATE, never by its text.

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::engine::Fault;

/// The whole error, because the driver's text alone lacks the server's message.
pub(crate) fn describe(error: &Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} ({})", error.message(), error.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

pub(super) fn fault(error: &Error) -> Fault {
    let message = describe(error);
    let Some(refused) = error.as_db_error() else {
        // An error of the connection, or a value of ours that does not fit its column.
        let source = std::error::Error::source(error);
        let connection = source.is_none_or(<dyn std::error::Error>::is::<std::io::Error>);
        return if connection { Fault::Lost(message) } else { Fault::Poison(message) };
    };
    if fatal(refused) {
        return Fault::Lost(message);
    }
    match refused.code() {
        &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => Fault::Again(message),
        &SqlState::LOCK_NOT_AVAILABLE => Fault::Locked,
        // The primary became a standby or read-only, so another one takes over.
        &SqlState::READ_ONLY_SQL_TRANSACTION => Fault::Lost(message),
        &SqlState::DISK_FULL => Fault::Failed(format!("storage full: {message}")),
        code if is_data_error_code(code) => Fault::Poison(message),
        code if code.code().starts_with("08") => Fault::Lost(message),
        _ => Fault::Failed(message),
    }
}

/// Data exceptions and violated constraints.
fn is_data_error_code(code: &SqlState) -> bool {
    matches!(&code.code()[..2], "22" | "23")
}

/// Whether the server refused the values, and would refuse them again.
pub(crate) fn is_data_error(error: &Error) -> bool {
    error.as_db_error().is_some_and(|refused| is_data_error_code(refused.code()))
}

/// Only the server's own refusal proves that a COMMIT did not happen. A session that was ended may
/// have committed before.
pub(super) fn fault_of_commit(error: &Error) -> Fault {
    match error.as_db_error() {
        Some(refused) if !fatal(refused) => fault(error),
        _ => Fault::CommitUnknown(describe(error)),
    }
}

/// Whether the error ends the session.
fn fatal(error: &DbError) -> bool {
    matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) || error.severity() == "FATAL"
}
