//! Lists in pages: `n`, `last` and `orderby`, and the `Link` to the next page.
//! Source: OCI Distribution Specification 1.1 "Listing tags"; Azure's `orderby` and the form of its links, as recorded.

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::Error;

/// What a page holds if the client does not say (inferred: it is what Azure's own client asks for).
const DEFAULT_SIZE: usize = 100;
/// The first second of .NET's calendar, in ticks before the Unix epoch.
const TICKS_OF_UNIX_EPOCH: i128 = 621_355_968_000_000_000;
/// What stays as it is in a link's query.
pub(super) const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Name,
    Oldest,
    Newest,
}

/// What part of a list is asked for.
#[derive(Clone, Debug)]
pub struct Page {
    size: usize,
    last: Option<String>,
    order: Order,
    order_by: String,
}

/// Something that can be listed: by its name, and by when it last changed.
pub trait Listed {
    /// The name or digest.
    fn key(&self) -> &str;
    /// When it last changed.
    fn updated(&self) -> Timestamp;
}

impl Page {
    /// Reads the parameters.
    pub fn read(parameter: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let size = match parameter("n").filter(|text| !text.is_empty()) {
            Some(text) => text.parse().map_err(|_| Error::page_size_invalid(&text))?,
            None => DEFAULT_SIZE,
        };
        let order_by = parameter("orderby").unwrap_or_default();
        let order = match order_by.to_ascii_lowercase().as_str() {
            "timeasc" => Order::Oldest,
            "timedesc" => Order::Newest,
            _ => Order::Name,
        };
        Ok(Self { size, last: parameter("last").filter(|last| !last.is_empty()), order, order_by })
    }

    /// Cuts the page out of the whole list. The second value is the `Link` header, which repeats the path as the client wrote it.
    pub fn cut<Item: Listed>(&self, mut items: Vec<Item>, path: &str) -> (Vec<Item>, Option<String>) {
        match self.order {
            Order::Name => items.sort_by(|one, other| one.key().cmp(other.key())),
            Order::Oldest => items.sort_by_cached_key(|item| (item.updated(), item.key().to_owned())),
            Order::Newest => {
                items.sort_by_cached_key(|item| (item.updated(), item.key().to_owned()));
                items.reverse();
            }
        }
        let begin = match &self.last {
            Some(last) => items.partition_point(|item| self.is_before_or_at(item, last)),
            None => 0,
        };
        let mut rest = items.split_off(begin);
        if rest.len() <= self.size || self.size == 0 {
            rest.truncate(self.size);
            return (rest, None);
        }
        rest.truncate(self.size);
        let link = rest.last().map(|item| {
            let last = utf8_percent_encode(&self.marker(item), IN_QUERY).to_string();
            format!(
                "<{path}?last={last}&n={}&orderby={}>; rel=\"next\"",
                self.size,
                utf8_percent_encode(&self.order_by, IN_QUERY)
            )
        });
        (rest, link)
    }

    fn marker(&self, item: &impl Listed) -> String {
        match self.order {
            Order::Name => item.key().to_owned(),
            Order::Oldest | Order::Newest => format!("{}&{}", ticks(item.updated()), item.key()),
        }
    }

    fn is_before_or_at(&self, item: &impl Listed, last: &str) -> bool {
        let at_time = last.split_once('&').and_then(|(at, key)| Some((at.parse::<i128>().ok()?, key)));
        match (self.order, at_time) {
            (Order::Oldest, Some(last)) => (ticks(item.updated()), item.key()) <= last,
            (Order::Newest, Some(last)) => (ticks(item.updated()), item.key()) >= last,
            (Order::Name, _) => item.key() <= last,
            // A marker that is not ours begins anew.
            (Order::Oldest | Order::Newest, None) => false,
        }
    }
}

/// A time in .NET's ticks of 100 ns.
fn ticks(at: Timestamp) -> i128 {
    at.as_nanosecond() / 100 + TICKS_OF_UNIX_EPOCH
}

impl Listed for String {
    fn key(&self) -> &str {
        self
    }

    fn updated(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(parameters: &[(&str, &str)]) -> Page {
        let find = |name: &str| parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Page::read(find).expect("good parameters")
    }

    #[derive(Debug, Clone, PartialEq)]
    struct At(&'static str, i64);

    impl Listed for At {
        fn key(&self) -> &str {
            self.0
        }

        fn updated(&self) -> Timestamp {
            Timestamp::from_second(self.1).expect("in range")
        }
    }

    #[test]
    fn pages_follow_one_another() {
        let all: Vec<String> = ["c", "a", "b/x"].map(str::to_owned).to_vec();
        let (first, link) = page(&[("n", "2")]).cut(all.clone(), "/acr/v1/_catalog");
        assert_eq!(first, ["a", "b/x"]);
        assert_eq!(link.as_deref(), Some("</acr/v1/_catalog?last=b%2Fx&n=2&orderby=>; rel=\"next\""));
        let (second, link) = page(&[("n", "2"), ("last", "b/x")]).cut(all.clone(), "/");
        assert_eq!((second, link), (vec!["c".to_owned()], None));
        assert_eq!(page(&[("n", "3")]).cut(all.clone(), "/").1, None);
        assert_eq!(page(&[("n", "0")]).cut(all, "/"), (Vec::new(), None));
    }

    #[test]
    fn time_orders_go_on_from_ticks() {
        let all = vec![At("sha256:a", 30), At("sha256:b", 10), At("sha256:c", 20)];
        let (first, link) = page(&[("n", "1"), ("orderby", "timeasc")]).cut(all.clone(), "/p");
        assert_eq!(first, [At("sha256:b", 10)]);
        assert_eq!(link.as_deref(), Some("</p?last=621355968100000000%26sha256%3Ab&n=1&orderby=timeasc>; rel=\"next\""));
        let (next, _) =
            page(&[("n", "1"), ("orderby", "timeasc"), ("last", "621355968100000000&sha256:b")]).cut(all.clone(), "/p");
        assert_eq!(next, [At("sha256:c", 20)]);
        let (newest, _) = page(&[("orderby", "timedesc"), ("last", "621355968300000000&sha256:a")]).cut(all, "/p");
        assert_eq!(newest, [At("sha256:c", 20), At("sha256:b", 10)]);
    }

    #[test]
    fn a_page_size_that_is_no_number_is_refused() {
        for wrong in ["-1", "x", "1.5"] {
            assert!(Page::read(|name| (name == "n").then(|| wrong.to_owned())).is_err(), "{wrong}");
        }
    }
}
