//! SQLite's own functions, as diesel sees them.

use diesel::sql_types::BigInt;

diesel::define_sql_function! {
    /// The larger of two numbers.
    #[sql_name = "max"]
    fn larger(one: BigInt, other: BigInt) -> BigInt;
}
