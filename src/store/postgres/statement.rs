//! Statements written out in SQL, for what diesel's own language has no words for.

use std::marker::PhantomData;

use diesel::{
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    result::QueryResult,
    serialize::ToSql,
    sql_types::{HasSqlType, Untyped},
};

/// A statement with its values, each `?` standing for the next one. Prepared once a connection, which
/// [`diesel::sql_query`] is not.
pub(super) struct Statement<'v> {
    sql: &'static str,
    values: Vec<Box<dyn QueryFragment<Pg> + Send + 'v>>,
}

impl<'v> Statement<'v> {
    pub(super) fn new(sql: &'static str) -> Self {
        Self { sql, values: Vec::new() }
    }

    /// Adds the next value, of an SQL type.
    pub(super) fn bind<T, V>(mut self, value: V) -> Self
    where
        Pg: HasSqlType<T>,
        T: Send + 'v,
        V: ToSql<T, Pg> + Send + 'v,
    {
        self.values.push(Box::new(Bound { value, of: PhantomData::<T> }));
        self
    }
}

impl QueryFragment<Pg> for Statement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut pieces = self.sql.split('?');
        out.push_sql(pieces.next().unwrap_or_default());
        for (value, piece) in self.values.iter().zip(pieces) {
            value.walk_ast(out.reborrow())?;
            out.push_sql(piece);
        }
        Ok(())
    }
}

impl QueryId for Statement<'_> {
    type QueryId = ();
    // Known by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement<'_> {
    type SqlType = Untyped;
}

struct Bound<T, V> {
    value: V,
    of: PhantomData<T>,
}

impl<T, V> QueryFragment<Pg> for Bound<T, V>
where
    Pg: HasSqlType<T>,
    V: ToSql<T, Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<T, V>(&self.value)
    }
}
