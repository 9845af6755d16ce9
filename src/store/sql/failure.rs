//! Why a write was not committed, and whether it was the data's fault.

use diesel::result::{DatabaseErrorKind, Error};

use crate::store::StoreError;

/// Why a write was not committed.
#[derive(Debug)]
pub(in crate::store) enum Failure {
    /// Nothing of it was written.
    Before(Error),
    /// It broke off at the commit itself.
    AtCommit(Error),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Before(error) => StoreError::Unavailable(error.to_string()),
            Failure::AtCommit(error) => StoreError::Unknown(error.to_string()),
        }
    }
}

/// Whether it was the data that failed, and not the database.
pub(in crate::store) fn is_contradiction(error: &Error) -> bool {
    use DatabaseErrorKind::{CheckViolation, ForeignKeyViolation, NotNullViolation, UniqueViolation};
    matches!(
        error,
        Error::DatabaseError(CheckViolation | ForeignKeyViolation | NotNullViolation | UniqueViolation, _)
            | Error::DeserializationError(_)
            | Error::SerializationError(_)
            | Error::InvalidCString(_)
    )
}
