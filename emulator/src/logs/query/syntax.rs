//! What a query is made of, once it is read.

use super::value::Value;

/// A query.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) table: String,
    pub(super) operators: Vec<Operator>,
}

impl Query {
    /// The table that it asks.
    pub fn table(&self) -> &str {
        &self.table
    }
}

/// One operator behind a `|`.
#[derive(Clone, Debug)]
pub(in crate::logs) enum Operator {
    Where(Expression),
    Project(Vec<Named>),
    ProjectAway(Vec<String>),
    Extend(Vec<Named>),
    Sort(Vec<Key>),
    Take(usize),
    Count,
    Distinct(Option<Vec<Named>>),
    Summarize { what: Vec<Named>, by: Vec<Named> },
}

/// An expression with the name that it is given; without one, it gets a name of its own.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub name: Option<String>,
    pub expression: Expression,
}

/// A key of a sort.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub expression: Expression,
    pub descending: bool,
    pub nulls_first: bool,
}

/// An expression.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Literal(Value),
    Column(String),
    Member(Box<Expression>, String),
    Element(Box<Expression>, Box<Expression>),
    Call(String, Vec<Expression>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Both(Box<Expression>, &'static str, Box<Expression>),
    /// A comparison of texts by word.
    Compare(Box<Expression>, String, Box<Expression>),
    Among {
        value: Box<Expression>,
        word: String,
        list: Vec<Expression>,
    },
    Between {
        value: Box<Expression>,
        from: Box<Expression>,
        to: Box<Expression>,
        negated: bool,
    },
}
