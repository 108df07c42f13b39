//! From a request to the plane that answers it.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::uri::Authority as UriAuthority;
use axum::http::{Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio_rustls::rustls::ServerConfig;
use tower::ServiceExt as _;

use super::conn::Conn;
use super::hosts::{self, Plane};
use super::tls::Authority;
use crate::world::Universe;
use crate::{acr, arm, control, entra, graph, imds, kube, logs};

/// The planes' routers, the world they serve, and how TLS is ended.
#[derive(Clone)]
pub(super) struct Service {
    shared: Arc<Shared>,
}

struct Shared {
    universe: Arc<Universe>,
    tls: Arc<ServerConfig>,
    registry_tls: Arc<ServerConfig>,
    arm: Router,
    entra: Router,
    graph: Router,
    registry: Router,
    kubernetes: Router,
    imds: Router,
    logs: Router,
    control: Router,
}

impl Service {
    pub(super) fn new(universe: Arc<Universe>, authority: Arc<Authority>) -> Self {
        let shared = Shared {
            tls: authority.server_config(&universe, true),
            registry_tls: authority.server_config(&universe, false),
            arm: arm::router(),
            entra: entra::router(),
            graph: graph::router(),
            registry: acr::router(),
            kubernetes: kube::router(),
            imds: imds::router(),
            logs: logs::router(),
            control: control::router(universe.clone()),
            universe,
        };
        Self { shared: Arc::new(shared) }
    }

    /// How a handshake for a host goes on. Registries speak HTTP/1.1 alone, as is inferred from the `Connection: keep-alive` of recorded
    /// answers; over HTTP/2 a client that repeats a refused request without its body would be reset before it reads the answer.
    pub(super) fn tls(&self, host: Option<&str>) -> Arc<ServerConfig> {
        let plane = host.and_then(|host| hosts::plane_in(&self.shared.universe.world(), host));
        if plane == Some(Plane::Registry) { self.shared.registry_tls.clone() } else { self.shared.tls.clone() }
    }

    /// The service of one connection.
    pub(super) fn connection(&self, peer: SocketAddr, scheme: &'static str, tunnel: Option<String>) -> Connection {
        Connection { service: self.clone(), peer, scheme, tunnel }
    }

    fn router(&self, plane: Plane) -> Option<&Router> {
        Some(match plane {
            Plane::Arm => &self.shared.arm,
            Plane::Entra => &self.shared.entra,
            Plane::Graph => &self.shared.graph,
            Plane::Registry | Plane::Storage => &self.shared.registry,
            Plane::Kubernetes => &self.shared.kubernetes,
            Plane::Imds => &self.shared.imds,
            Plane::Logs => &self.shared.logs,
            Plane::Control => &self.shared.control,
            Plane::Absent => return None,
        })
    }
}

/// What answers the requests of one connection.
#[derive(Clone)]
pub(super) struct Connection {
    service: Service,
    peer: SocketAddr,
    scheme: &'static str,
    tunnel: Option<String>,
}

impl hyper::service::Service<Request<Incoming>> for Connection {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let connection = self.clone();
        Box::pin(async move {
            Ok(if request.method() == Method::CONNECT {
                connection.connect(request)
            } else {
                connection.dispatch(request.map(Body::new)).await
            })
        })
    }
}

impl Connection {
    /// Opens a tunnel to a host that is served; refuses any other.
    fn connect(self, request: Request<Incoming>) -> Response {
        let Some(authority) = request.uri().authority().cloned() else {
            return plain(StatusCode::BAD_REQUEST, "CONNECT names no host; write it as CONNECT host:port".into());
        };
        let host = authority.host().to_ascii_lowercase();
        let world = self.service.shared.universe.world();
        if hosts::plane_in(&world, &host).is_none() || self.tunnel.is_some() {
            tracing::info!(%host, "refused a tunnel");
            return refused(&host);
        }
        if let Some(refusal) = self.unresolvable(&host) {
            return refusal;
        }
        let Self { service, peer, .. } = self;
        tokio::spawn(async move {
            match hyper::upgrade::on(request).await {
                Ok(upgraded) => {
                    let stream = TokioIo::new(upgraded);
                    // Boxed: a tunnel's conversation is again one of this kind.
                    let talk: Pin<Box<dyn Future<Output = ()> + Send>> =
                        Box::pin(super::listener::converse(stream, peer, Some(authority.to_string()), service));
                    talk.await;
                }
                Err(error) => tracing::debug!(%error, "a tunnel was not opened"),
            }
        });
        StatusCode::OK.into_response()
    }

    /// Names below `azurecr.io` and `azmk8s.io` exist only while their registry or cluster does. A proxy reports a name that
    /// does not resolve by an error of its own; a 4xx, since clients repeat a request after a 5xx.
    fn unresolvable(&self, host: &str) -> Option<Response> {
        let world = self.service.shared.universe.world();
        let exists = match hosts::plane_in(&world, host)? {
            Plane::Registry => !host.ends_with(".azurecr.io") || world.acr.by_login_server(host).is_some(),
            Plane::Kubernetes => world.kube.by_host(host).is_some(),
            _ => true,
        };
        (!exists)
            .then(|| plain(StatusCode::NOT_FOUND, format!("the name {host} does not resolve: nothing of that name exists here")))
    }

    async fn dispatch(self, mut request: Request<Body>) -> Response {
        let Some(authority) = self.authority(&request) else {
            return plain(StatusCode::BAD_REQUEST, "the request names no host: it needs a Host header".into());
        };
        let host = authority.host().to_ascii_lowercase();
        let world = self.service.shared.universe.world();
        let Some(plane) = hosts::plane_in(&world, &host).or_else(|| self.is_own_address(&host).then_some(Plane::Control)) else {
            return refused(&host);
        };
        if self.scheme == "http" && !matches!(plane, Plane::Control | Plane::Imds | Plane::Absent) {
            let message = format!("{host} is served over https only; ask https://{host}{}", request.uri().path());
            return plain(StatusCode::FORBIDDEN, message);
        }
        if let Some(refusal) = self.unresolvable(&host) {
            return refusal;
        }
        let Some(router) = self.service.router(plane) else {
            return plain(StatusCode::NOT_FOUND, format!("azlet serves nothing on {host}"));
        };
        let default_port = if self.scheme == "https" { 443 } else { 80 };
        let authority = match authority.port_u16() {
            Some(port) if port != default_port => format!("{host}:{port}"),
            _ => host,
        };
        let extensions = request.extensions_mut();
        extensions.insert(Conn { scheme: self.scheme, authority, peer: self.peer });
        extensions.insert(world);
        match router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// The host that a request is for: of an absolute URI, of HTTP/2's `:authority`, or of the Host header; inside a tunnel, by
    /// default the one that the tunnel leads to.
    fn authority(&self, request: &Request<Body>) -> Option<UriAuthority> {
        let header = || request.headers().get(HOST)?.to_str().ok()?.parse().ok();
        let tunnel = || self.tunnel.as_deref()?.parse().ok();
        request.uri().authority().cloned().or_else(header).or_else(tunnel)
    }

    /// Whether a host can be the emulator's own: an address, asked directly. By which one a container or a forwarded port knows it cannot
    /// be told from here.
    fn is_own_address(&self, host: &str) -> bool {
        self.tunnel.is_none() && host.parse::<std::net::IpAddr>().is_ok()
    }
}

fn refused(host: &str) -> Response {
    let message = format!(
        "azlet does not serve {host} and lets nothing through to the network. It serves {}, and registries whose images were loaded \
         (azlet images load). If a test needs another host, name it in NO_PROXY.",
        hosts::served()
    );
    plain(StatusCode::FORBIDDEN, message)
}

fn plain(status: StatusCode, message: String) -> Response {
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], message + "\n").into_response()
}
