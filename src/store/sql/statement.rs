//! Statements written out in SQL: for what diesel's own language has no words for, and for what it would have the
//! database read anew each time.

use std::marker::PhantomData;

use diesel::{
    RunQueryDsl,
    backend::Backend,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    result::QueryResult,
    serialize::ToSql,
    sql_types::{HasSqlType, Untyped},
};

/// A statement with its values, each `?` standing for the next one. Prepared once a connection, which
/// [`diesel::sql_query`] and diesel's updates are not.
pub(in crate::store) struct Statement<'v, DB: Backend> {
    sql: &'static str,
    values: Vec<Box<dyn QueryFragment<DB> + Send + 'v>>,
}

impl<'v, DB: Backend> Statement<'v, DB> {
    pub(in crate::store) fn new(sql: &'static str) -> Self {
        Self { sql, values: Vec::new() }
    }

    /// Adds the next value, of an SQL type.
    pub(in crate::store) fn bind<T, V>(mut self, value: V) -> Self
    where
        DB: HasSqlType<T>,
        T: Send + 'v,
        V: ToSql<T, DB> + Send + 'v,
    {
        self.values.push(Box::new(Bound { value, of: PhantomData::<T> }));
        self
    }
}

impl<DB: Backend> QueryFragment<DB> for Statement<'_, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut pieces = self.sql.split('?');
        out.push_sql(pieces.next().unwrap_or_default());
        for (value, piece) in self.values.iter().zip(pieces) {
            value.walk_ast(out.reborrow())?;
            out.push_sql(piece);
        }
        Ok(())
    }
}

impl<DB: Backend> QueryId for Statement<'_, DB> {
    type QueryId = ();
    // Known by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> Query for Statement<'_, DB> {
    type SqlType = Untyped;
}

impl<DB: Backend, C> RunQueryDsl<C> for Statement<'_, DB> {}

struct Bound<T, V> {
    value: V,
    of: PhantomData<T>,
}

impl<T, V, DB> QueryFragment<DB> for Bound<T, V>
where
    DB: Backend + HasSqlType<T>,
    V: ToSql<T, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_bind_param::<T, V>(&self.value)
    }
}
