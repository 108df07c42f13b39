//! What answers on the ports of a pod, since nothing really listens: the pod's annotation `azlet.dev/http-PORT` (the text), azlet's own nginx
//! image on port 80 and images called nginx too (a welcome page), and on the ports that containers declare a line that says who would answer.
//! Anything else is closed.

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::Value;

use crate::kube::controllers::object::*;
use crate::kube::kubelet::inside;
use crate::kube::store::Cluster;

const WELCOME: &str = include_str!("../../../../fixtures/kubernetes/nginx-welcome.html");
const HTTP: &str = "azlet.dev/http-";

/// What answers on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// An nginx of this version that nobody configured.
    Nginx(String),
    /// The same text for every path.
    Text(String),
}

/// What answers on a port of a pod; nothing if the port is closed.
pub fn at(cluster: &Cluster, pod: &Value, port: u16) -> Option<Site> {
    let running = inside::running(cluster, pod);
    if running.is_empty() {
        return None;
    }
    if let Some(text) = annotation(pod, &format!("{HTTP}{port}")) {
        return Some(Site::Text(text.to_owned()));
    }
    if port == 80
        && let Some((_, image)) = running.iter().find(|(spec, image)| is_nginx(spec, image))
    {
        let version =
            items(image, "/config/Env").iter().filter_map(Value::as_str).find_map(|pair| pair.strip_prefix("NGINX_VERSION="));
        return Some(Site::Nginx(version.map(|version| format!("/{version}")).unwrap_or_default()));
    }
    let declares = |spec: &Value| {
        items(spec, "/ports")
            .iter()
            .any(|known| number(known, "/containerPort") == Some(i64::from(port)) && known["protocol"] != "UDP")
    };
    let (spec, _) = running.iter().find(|(spec, _)| declares(spec))?;
    let place = format!("{}/{}", namespace(pod), name(pod));
    Some(Site::Text(format!("{} of {place} on port {port}, simulated by azlet\n", text(spec, "/name"))))
}

fn is_nginx(spec: &Value, image: &Value) -> bool {
    let labelled = image
        .pointer("/config/Labels")
        .and_then(|labels| labels.get("dev.azlet.content"))
        .is_some_and(|content| content == "nginx");
    let last = text(spec, "/image").split('@').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    (labelled || last.split(':').next() == Some("nginx")) && items(spec, "/command").is_empty()
}

impl Site {
    /// The answer to a request.
    pub fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let (status, kind, body) = match self {
            Self::Nginx(_) if !matches!(*method, Method::GET | Method::HEAD) => {
                page(StatusCode::METHOD_NOT_ALLOWED, "405 Not Allowed")
            }
            Self::Nginx(_) if matches!(path, "/" | "/index.html") => (StatusCode::OK, "text/html", WELCOME.to_owned()),
            Self::Nginx(_) => page(StatusCode::NOT_FOUND, "404 Not Found"),
            Self::Text(text) if serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object() || value.is_array()) => {
                (StatusCode::OK, "application/json", text.clone())
            }
            Self::Text(text) if text.trim_start().starts_with('<') => (StatusCode::OK, "text/html", text.clone()),
            Self::Text(text) => (StatusCode::OK, "text/plain", text.clone()),
        };
        let mut answer = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
        if let Self::Nginx(version) = self {
            answer = answer.header(header::SERVER, format!("nginx{version}"));
        }
        answer.body(Full::from(body)).unwrap_or_default()
    }
}

fn page(status: StatusCode, title: &str) -> (StatusCode, &'static str, String) {
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    (status, "text/html", body)
}
