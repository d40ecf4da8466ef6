//! The meaning of an error of SQLite for the transaction.

use rusqlite::{Error, ErrorCode};

use crate::engine::Fault;

pub(super) fn fault(error: Error) -> Fault {
    let message = error.to_string();
    if is_data_error(&error) {
        return Fault::Poison(message);
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::Again(message),
        Some(ErrorCode::DiskFull) => Fault::Failed(format!("storage full: {message}")),
        _ => Fault::Failed(message),
    }
}

/// Whether SQLite refused the values, and would refuse them again.
pub(crate) fn is_data_error(error: &Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig))
}

/// A failed write or sync during COMMIT may have left the commit in the log, where it is found after
/// a crash, so it may have happened.
pub(super) fn fault_of_commit(error: Error) -> Fault {
    match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => Fault::CommitUnknown(error.to_string()),
        _ => fault(error),
    }
}
