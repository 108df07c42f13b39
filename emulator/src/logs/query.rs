//! The query language, as far as plain questions go: a table, and operators behind `|`. What it does not know is refused in the
//! service's own shape, with the place.
//! Source: the Kusto query language's reference; texts of errors that users have reported. Types of mixed comparisons and the
//! order of unsorted rows are inferred.

mod eval;
mod lexer;
mod parser;
mod syntax;
pub mod value;

use std::sync::Arc;

use jiff::Timestamp;

use super::store::Row;
pub use eval::Answer;
pub use syntax::Query;
pub use value::{Type, Value};

/// Why a query has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It cannot be read.
    Syntax {
        /// The byte at which reading stopped.
        at: usize,
        /// What stands there.
        token: String,
    },
    /// It can be read, and means nothing: the code and what is wrong.
    Semantic(&'static str, String),
    /// It means something that is not built here.
    Unknown(String),
}

/// A table's columns, in their order.
pub type Columns = Vec<(String, Type)>;

/// Where a query finds its tables.
pub trait Source {
    /// A table's columns and rows; nothing if there is no such table.
    fn table(&self, name: &str) -> Option<(Columns, Vec<Arc<Row>>)>;
}

/// Reads a query; an answer can be had as often as wanted.
pub fn parse(text: &str) -> Result<Query, Fault> {
    parser::parse(text)
}

/// Answers a query.
pub fn run(query: &Query, source: &dyn Source, now: Timestamp) -> Result<Answer, Fault> {
    eval::run(query, source, now)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A table `T` with three rows.
    struct Three;

    impl Source for Three {
        fn table(&self, name: &str) -> Option<(Columns, Vec<Arc<Row>>)> {
            let columns = vec![
                ("Name".into(), Type::String),
                ("Size".into(), Type::Long),
                ("At".into(), Type::DateTime),
                ("More".into(), Type::Dynamic),
            ];
            let row = |name: &str, size: Option<i64>, at: &str, more: serde_json::Value| {
                let cells = json!({ "Name": name, "Size": size, "At": at, "More": more });
                Arc::new(Row { at: Timestamp::UNIX_EPOCH, cells: cells.as_object().expect("an object").clone() })
            };
            let rows = vec![
                row("apple pie", Some(1), "2026-11-02T07:00:00Z", json!({ "kind": "cake", "tags": ["a", "b"] })),
                row("Banana", Some(3), "2026-11-02T06:30:00Z", json!({ "kind": "fruit" })),
                row("cherry", None, "2026-11-01T08:00:00Z", json!({ "kind": "fruit" })),
            ];
            (name == "T").then_some((columns, rows))
        }
    }

    fn ask(text: &str) -> Result<String, Fault> {
        let now = "2026-11-02T08:00:00Z".parse().expect("a time");
        let answer = run(&parse(text)?, &Three, now)?;
        let names: Vec<&str> = answer.columns.iter().map(|(name, _)| name.as_str()).collect();
        let rows: Vec<String> = answer
            .rows
            .iter()
            .map(|row| row.iter().map(|value| value.to_json().to_string()).collect::<Vec<_>>().join(" "))
            .collect();
        Ok(format!("{}: {}", names.join(" "), rows.join(", ")))
    }

    #[test]
    fn plain_questions_are_answered() {
        for (text, expected) in [
            ("T | where Size == 1 | project Name", r#"Name: "apple pie""#),
            ("T | where Name =~ 'BANANA' | project Name, Size", r#"Name Size: "Banana" 3"#),
            ("T | where Name has \"pie\" or Name startswith 'ban' | count", "Count: 2"),
            ("T | where Name has 'pi' | count", "Count: 0"),
            ("T | where Name contains 'pi' and not(Size > 1) | count", "Count: 1"),
            ("T | where Name !contains 'an' | count", "Count: 2"),
            ("T | where Name in ('cherry', 'Banana') | count", "Count: 2"),
            ("T | where Name in~ ('CHERRY') | count", "Count: 1"),
            ("T | where Name !in ('cherry') | count", "Count: 2"),
            ("T | where Name matches regex '^[a-c].*y$' | count", "Count: 1"),
            ("T | where At > ago(2h) | count", "Count: 2"),
            ("T | where At between (datetime(2026-11-02 06:00) .. 45m) | project Name", r#"Name: "Banana""#),
            ("T | where At >= datetime(2026-11-02T07:00:00Z) | project Name", r#"Name: "apple pie""#),
            ("T | sort by Size asc | project Size", "Size: null, 1, 3"),
            ("T | order by Size | project Size", "Size: 3, 1, null"),
            ("T | top 1 by Size | project Name", r#"Name: "Banana""#),
            ("T | order by Name asc | take 1 | project Name", r#"Name: "Banana""#),
            ("T | limit 2 | count", "Count: 2"),
            ("T | where isnull(Size) | project Kind = tostring(More.kind)", r#"Kind: "fruit""#),
            ("T | where More.tags[1] == 'b' | project More.kind", r#"More_kind: "cake""#),
            ("T | where More['kind'] == 'fruit' | count", "Count: 2"),
            ("T | summarize count() by Kind = tostring(More.kind) | order by Kind asc", r#"Kind count_: "cake" 1, "fruit" 2"#),
            ("T | summarize Total = sum(Size), max(Size), dcount(Name)", "Total max_Size dcount_Name: 4 3 3"),
            (
                "T | summarize count() by bin(At, 1d) | sort by At asc",
                r#"At count_: "2026-11-01T00:00:00Z" 1, "2026-11-02T00:00:00Z" 2"#,
            ),
            ("T | extend Twice = Size * 2 | project Twice", "Twice: 2, 6, null"),
            ("T | extend Age = now() - At | where Age < 2h | project Age", r#"Age: "01:00:00", "01:30:00""#),
            ("T | distinct tostring(More.kind)", r#"More_kind: "cake", "fruit""#),
            ("T | project-away At, More | take 1", r#"Name Size: "apple pie" 1"#),
            ("T | where More.kind == dynamic({\"k\": \"cake\"}).k | count", "Count: 1"),
            ("T // a comment\n| count", "Count: 3"),
            ("T | where Name == '' | summarize count()", "count_: 0"),
        ] {
            assert_eq!(ask(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_has_no_answer_says_why() {
        let syntax = |at, token: &str| Fault::Syntax { at, token: token.into() };
        let unknown = |what: &str| Fault::Unknown(what.into());
        for (text, expected) in [
            ("T | wher Size == 1", syntax(4, "wher")),
            ("T | where", syntax(9, "")),
            ("T | where Size = 1", syntax(15, "=")),
            ("T | where Name == 'x", syntax(18, "'")),
            ("T | take many", syntax(9, "many")),
            ("T | join U on x", unknown("the operator 'join'")),
            ("let x = 1; T", unknown("the statement 'let'")),
            ("T | mv-expand More", unknown("the operator 'mv-expand'")),
            ("T | summarize arg_max(At, *) by Name", unknown("the aggregate function 'arg_max'")),
            ("T | where At > datetime(soon)", syntax(15, "datetime(soon)")),
            ("T | summarize arg_max(At, Name)", unknown("the aggregate function 'arg_max'")),
            ("U", Fault::Semantic("SEM0100", "'U': Failed to resolve table or column expression named 'U'".into())),
            (
                "T | where Other == 1",
                Fault::Semantic(
                    "SEM0100",
                    "'where' operator: Failed to resolve column or scalar expression named 'Other'".into(),
                ),
            ),
            ("T | where foo(Size)", Fault::Semantic("SEM0260", "Unknown function: 'foo'.".into())),
            (
                "T | where Name == 1",
                Fault::Semantic("SEM0064", "Cannot compare values of types string and long. Try adding explicit casts".into()),
            ),
            ("T | where Size", Fault::Semantic("SEM0040", "where operator: predicate must be of type 'bool'".into())),
        ] {
            assert_eq!(ask(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn no_length_of_an_expression_does_harm() {
        let links = |count: usize| Fault::Unknown(format!("an expression of more than {count} links"));
        for (link, most) in [(" or Size == 1", 500), (" and Size == 1", 500)] {
            let chain = |links: usize| format!("T | where Size == 1{} | count", link.repeat(links));
            assert_eq!(ask(&chain(most)).as_deref(), Ok("Count: 1"), "{link}");
            assert_eq!(ask(&chain(most + 1)), Err(links(most)), "{link}");
            assert_eq!(ask(&chain(20_000)), Err(links(most)), "{link}");
        }
        for link in ["+1", "-1", "*1", ".a", "[0]"] {
            assert!(ask(&format!("T | project X = More{}", link.repeat(500))).is_ok() || link.ends_with('1'), "{link}");
            assert_eq!(ask(&format!("T | project X = More{}", link.repeat(50_000))), Err(links(500)), "{link}");
        }
        let nested = |depth: usize| format!("T | where {}true{} | count", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(ask(&nested(60)).as_deref(), Ok("Count: 3"));
        assert_eq!(ask(&nested(50_000)), Err(Fault::Unknown("an expression nested more than 64 deep".into())));
    }

    #[test]
    fn a_text_that_doubles_stops_to_grow() {
        let doubled = "| extend X = strcat(X, X) ".repeat(40);
        assert_eq!(
            ask(&format!("T | take 1 | project X = 'ab' {doubled}| project strlen(X)")).as_deref(),
            Ok("Column1: 1048576")
        );
    }

    proptest! {
        #[test]
        fn no_text_does_harm(text in "\\PC{0,80}") {
            let _ = ask(&text);
        }

        #[test]
        fn no_line_of_words_does_harm(words in proptest::collection::vec(
            prop::sample::select(vec![
                "T", "|", "where", "project", "summarize", "by", "count()", "Size", "Name", "==", "(", ")", "-", "'x'", "1h", "9999999d", "ago", ",",
                "order", "take", "9223372036854775807", "*", "/", "0", "..", "[", "]", ".", "and", "not", "bin", "extend", "=", "datetime(", "datetime(2026-01-01)", "dynamic([1])", "More",
            ]), 0..24))
        {
            let _ = ask(&words.join(" "));
        }

        #[test]
        fn a_text_is_found_as_it_was_written(text in "[a-z \\\\\"']{1,12}") {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            let answer = ask(&format!("T | take 1 | project X = \"{quoted}\""));
            prop_assert_eq!(answer, Ok(format!("X: {}", json!(text))));
        }
    }
}
