//! Someone who sends requests: a client with a token.

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::Answer;

/// A client with a token, or without.
#[derive(Clone, Debug)]
pub struct Actor {
    client: Client,
    token: Option<String>,
}

impl Actor {
    pub(crate) fn new(client: Client, token: Option<String>) -> Self {
        Self { client, token }
    }

    /// A request in this actor's name, for what the short forms below do not cover; end it with [`Actor::send`].
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        let request = self.client.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.expect("the emulator answers");
        Answer::read(response).await
    }

    /// GET.
    pub async fn get(&self, url: &str) -> Answer {
        self.send(self.request(Method::GET, url)).await
    }

    /// HEAD.
    pub async fn head(&self, url: &str) -> Answer {
        self.send(self.request(Method::HEAD, url)).await
    }

    /// DELETE.
    pub async fn delete(&self, url: &str) -> Answer {
        self.send(self.request(Method::DELETE, url)).await
    }

    /// PUT with a JSON body.
    pub async fn put(&self, url: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, url).json(body)).await
    }

    /// PUT with a JSON body and more headers.
    pub async fn put_with(&self, url: &str, body: &Value, headers: &[(&'static str, &str)]) -> Answer {
        let request = headers.iter().fold(self.request(Method::PUT, url), |request, (name, value)| request.header(*name, *value));
        self.send(request.json(body)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, url: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, url).json(body)).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, url: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, url).json(body)).await
    }

    /// POST with a form.
    pub async fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Answer {
        self.send(self.request(Method::POST, url).form(form)).await
    }

    /// Any method with any body of any type.
    pub async fn send_bytes(&self, method: Method, url: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().expect("a media type"));
        self.send(self.request(method, url).headers(headers).body(body.into())).await
    }

    /// PUT, then the polling that a client does, then a GET: the final answer of a long-running write.
    pub async fn put_and_wait(&self, url: &str, body: &Value) -> Answer {
        let started = self.put(url, body).await;
        if started.status() >= 300 {
            return started;
        }
        self.follow(&started).await;
        self.get(url).await
    }

    /// Polls the operation that an answer names to its end and returns the last answer of it; time must not be needed for it.
    pub async fn follow(&self, started: &Answer) -> Answer {
        let poll = started.header("azure-asyncoperation").or_else(|| started.header("location"));
        let Some(url) = poll.map(str::to_owned) else { return started.clone() };
        for _ in 0..20 {
            let answer = self.get(&url).await;
            let running = answer.status() == 202
                || matches!(
                    answer.json()["status"].as_str(),
                    Some("InProgress" | "Creating" | "Updating" | "Deleting" | "Accepted")
                );
            if !running {
                return answer;
            }
        }
        panic!("the operation {url} did not end");
    }
}
