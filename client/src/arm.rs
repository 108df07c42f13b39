//! Azure Resource Manager: one call, its error, and the end of a long-running operation (the ARM asynchronous operations
//! contract: `Azure-AsyncOperation`, `Location`, or the resource's own `provisioningState`).

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::{Client, Error, Result};

/// How long to wait before the next poll when the service does not say.
const DEFAULT_POLL: Duration = Duration::from_secs(5);
/// After so many polls an operation is given up.
const MOST_POLLS: usize = 720;

/// The api-versions that this client speaks, by what they are for: stable versions that real Azure serves.
pub mod versions {
    /// Resource groups and the list of resources.
    pub const RESOURCES: &str = "2024-11-01";
    /// `Microsoft.ContainerRegistry`.
    pub const CONTAINER_REGISTRY: &str = "2023-07-01";
    /// `Microsoft.ContainerService`.
    pub const CONTAINER_SERVICE: &str = "2024-05-01";
    /// Role assignments and role definitions.
    pub const AUTHORIZATION: &str = "2022-04-01";
}

/// The method of most calls that make something, for callers that have no HTTP library of their own.
pub const PUT: Method = Method::PUT;

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body: JSON, or the text as it came, or null if there was none.
    pub body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the service asks to wait; seconds, or milliseconds in the headers that Azure has besides.
    fn retry_after(&self) -> Duration {
        let number = |name| self.header(name).and_then(|text| text.trim().parse::<u64>().ok());
        number("retry-after")
            .map(Duration::from_secs)
            .or_else(|| number("retry-after-ms").map(Duration::from_millis))
            .or_else(|| number("x-ms-retry-after-ms").map(Duration::from_millis))
            .unwrap_or(DEFAULT_POLL)
    }
}

/// What a filter's or a path's name may not be broken by.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Client {
    /// One call of Azure Resource Manager; a refusal is an error.
    pub async fn arm(
        &self,
        method: Method,
        path: &str,
        version: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut query = query.to_vec();
        query.push(("api-version", version));
        let url = format!("{}{path}", self.settings().arm);
        self.call(&self.settings().arm, method, &url, &query, body).await
    }

    /// `GET`, and the body.
    pub async fn arm_get(&self, path: &str, version: &str, query: &[(&str, &str)]) -> Result<Value> {
        Ok(self.arm(Method::GET, path, version, query, None).await?.body)
    }

    /// Every element of a collection, page by page.
    pub async fn arm_list(&self, path: &str, version: &str, query: &[(&str, &str)]) -> Result<Vec<Value>> {
        let mut page = self.arm_get(path, version, query).await?;
        let mut all = Vec::new();
        loop {
            if let Some(Value::Array(values)) = page.get_mut("value").map(Value::take) {
                all.extend(values);
            }
            let Some(next) = page["nextLink"].as_str().map(str::to_owned) else { return Ok(all) };
            page = self.follow(&next).await?.body;
        }
    }

    /// A call that may start a long-running operation, followed to its end: the resource, or what the operation gives.
    pub async fn arm_run(&self, method: Method, path: &str, version: &str, body: Option<&Value>) -> Result<Value> {
        let first = self.arm(method.clone(), path, version, &[], body).await?;
        if let Some(url) = first.header("azure-asyncoperation").map(str::to_owned) {
            self.await_operation(&url, first.retry_after()).await?;
            return match (&method, first.header("location").map(str::to_owned)) {
                (&Method::PUT | &Method::PATCH, _) => self.arm_get(path, version, &[]).await,
                (&Method::POST, Some(location)) => Ok(self.follow(&location).await?.body),
                _ => Ok(Value::Null),
            };
        }
        if first.status == 202 {
            let location = first.header("location").map(str::to_owned);
            let location = location.ok_or_else(|| Error::lacks(format!("{method} {path}"), "Location to ask for the result"))?;
            return self.await_location(&location, first.retry_after()).await;
        }
        self.await_resource(path, version, first).await
    }

    async fn await_operation(&self, url: &str, pause: Duration) -> Result<()> {
        let ended = |answer: &Answer| match answer.body["status"].as_str() {
            Some("Succeeded") => Ok(true),
            Some("Failed" | "Canceled") => Err(failure(&answer.body)),
            _ => Ok(false),
        };
        self.poll(url, pause, ended).await.map(|_| ())
    }

    async fn await_location(&self, url: &str, pause: Duration) -> Result<Value> {
        self.poll(url, pause, |answer| Ok(answer.status != 202)).await.map(|answer| answer.body)
    }

    /// Asks a URL again, as slowly as it wishes, until the answer is the last one.
    async fn poll(&self, url: &str, mut pause: Duration, ended: impl Fn(&Answer) -> Result<bool>) -> Result<Answer> {
        for poll in 0..MOST_POLLS {
            if poll > 0 {
                self.wait(pause).await;
            }
            let answer = self.follow(url).await?;
            if ended(&answer)? {
                return Ok(answer);
            }
            pause = answer.retry_after();
        }
        Err(given_up(url))
    }

    async fn await_resource(&self, path: &str, version: &str, first: Answer) -> Result<Value> {
        let mut answer = first;
        for _ in 0..MOST_POLLS {
            match answer.body["properties"]["provisioningState"].as_str() {
                None | Some("Succeeded") => return Ok(answer.body),
                Some("Failed" | "Canceled") => return Err(failure(&answer.body)),
                Some(_) => self.wait(answer.retry_after()).await,
            }
            answer = self.arm(Method::GET, path, version, &[], None).await?;
        }
        Err(given_up(path))
    }

    /// A URL that the service gave. Our token goes to the service itself and to its regional hosts only.
    async fn follow(&self, url: &str) -> Result<Answer> {
        let arm = &self.settings().arm;
        if !same_service(arm, url) {
            let what = format!("the address {url}, which an answer names, is not of {arm}: the token is not sent there");
            return Err(Error::Setting(what));
        }
        self.call(arm, Method::GET, url, &[], None).await
    }

    /// One call with a token for `resource`. A refused token is asked for anew, once.
    pub(crate) async fn call(
        &self,
        resource: &str,
        method: Method,
        url: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer> {
        let answer = self.call_once(resource, method.clone(), url, query, body).await?;
        let answer = if answer.status == 401 {
            self.forget_token(resource);
            self.call_once(resource, method.clone(), url, query, body).await?
        } else {
            answer
        };
        if answer.status < 400 {
            return Ok(answer);
        }
        let path = reqwest::Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.path().to_owned());
        Err(Error::refused(method.as_str(), &path, answer.status, &answer.body))
    }

    async fn call_once(
        &self,
        resource: &str,
        method: Method,
        url: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer> {
        let token = self.token(resource).await?;
        let mut request = self.http.request(method.clone(), url).bearer_auth(token);
        if !query.is_empty() {
            request = request.query(query);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request, method.as_str(), url).await
    }
}

/// Sends a request and reads all of its answer.
pub(crate) async fn answer(request: reqwest::RequestBuilder, method: &str, url: &str) -> Result<Answer> {
    let unreachable = |error: reqwest::Error| Error::unreachable(method, url, &error);
    let response = request.send().await.map_err(unreachable)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.map_err(unreachable)?;
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
    Ok(Answer { status, headers, body })
}

fn same_service(service: &str, url: &str) -> bool {
    let (Ok(service), Ok(url)) = (reqwest::Url::parse(service), reqwest::Url::parse(url)) else { return false };
    let (Some(host), Some(other)) = (service.host_str(), url.host_str()) else { return false };
    service.scheme() == url.scheme()
        && service.port_or_known_default() == url.port_or_known_default()
        && (other == host || other.strip_suffix(host).is_some_and(|region| region.ends_with('.')))
}

fn failure(body: &Value) -> Error {
    let error = if body["error"].is_object() { &body["error"] } else { &body["properties"]["error"] };
    let text = |key: &str, otherwise: &str| error[key].as_str().unwrap_or(otherwise).to_owned();
    Error::Failed {
        code: text("code", body["status"].as_str().unwrap_or("Failed")),
        message: text("message", "the operation did not succeed and gives no reason"),
    }
}

fn given_up(url: &str) -> Error {
    Error::TimedOut(format!("the operation did not end after {MOST_POLLS} polls of {}", url.split('?').next().unwrap_or(url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_stays_with_the_service() {
        let arm = "https://management.azure.com";
        assert!(same_service(arm, "https://management.azure.com/subscriptions/1?api-version=2"));
        assert!(same_service(arm, "https://westus.management.azure.com/subscriptions/1"));
        assert!(!same_service(arm, "http://management.azure.com/subscriptions/1"));
        assert!(!same_service(arm, "https://evilmanagement.azure.com/"));
        assert!(!same_service(arm, "https://management.azure.com.example/"));
        assert!(!same_service(arm, "https://management.azure.com:8443/"));
        assert!(!same_service(arm, "/subscriptions/1"));
    }

    #[test]
    fn the_wait_is_what_the_service_asks_for() {
        let answer = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            Answer { status: 202, headers, body: Value::Null }
        };
        assert_eq!(answer("retry-after", "7").retry_after(), Duration::from_secs(7));
        assert_eq!(answer("x-ms-retry-after-ms", "100").retry_after(), Duration::from_millis(100));
        assert_eq!(answer("x-other", "1").retry_after(), DEFAULT_POLL);
    }

    #[test]
    fn a_quote_in_a_filter_is_doubled() {
        assert_eq!(quoted("o'hara"), "'o''hara'");
    }
}
