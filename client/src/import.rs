//! Importing an image into a registry, as `az acr import` does: `importImage`, and the poll of its `Location`.

use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::arm::versions;
use crate::attach::Registry;
use crate::{Client, Error, Result};

/// What was imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// From where: `docker.io/library/nginx:latest`.
    pub source: String,
    /// As what it can be pulled: `example.azurecr.io/nginx:v1`.
    pub image: String,
}

/// Where an image comes from: the host, and the rest.
fn split_source(source: &str) -> Result<(&str, &str)> {
    let parts = source.split_once('/').filter(|(host, image)| host.contains('.') && !image.is_empty());
    parts.ok_or_else(|| {
        let right = "docker.io/library/nginx:latest";
        Error::Setting(format!("the source {source} must begin with a registry's host name, as {right} does"))
    })
}

/// An image without a tag is given the tag `latest`, as registries do.
fn tagged(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}

impl Client {
    /// Imports `source` into a registry under the name `image` (by default its own); `force` overwrites a tag that is there.
    pub async fn import(&self, registry: &str, source: &str, image: Option<&str>, force: bool) -> Result<Imported> {
        let (host, source_image) = split_source(source)?;
        let registry = self.registry(registry).await?;
        let image = tagged(image.unwrap_or(source_image));
        let body = json!({
            "source": self.import_source(host, &tagged(source_image)).await?,
            "targetTags": [image],
            "mode": if force { "Force" } else { "NoForce" },
        });
        let path = format!("{}/importImage", registry.id);
        self.arm_run(Method::POST, &path, versions::CONTAINER_REGISTRY, Some(&body)).await?;
        let Registry { login_server, .. } = registry;
        Ok(Imported { source: source.to_owned(), image: format!("{login_server}/{image}") })
    }

    /// Another registry of the subscription is named by its resource id, so that no credentials are needed; any other by host.
    async fn import_source(&self, host: &str, image: &str) -> Result<Value> {
        if let Some(name) = host.strip_suffix(".azurecr.io") {
            match self.registry(name).await {
                Ok(source) => return Ok(json!({"resourceId": source.id, "sourceImage": image})),
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(json!({"registryUri": host, "sourceImage": image}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_begins_with_a_host() {
        assert_eq!(split_source("docker.io/library/nginx:latest").unwrap(), ("docker.io", "library/nginx:latest"));
        assert!(split_source("nginx").is_err());
        assert!(split_source("library/nginx:latest").is_err());
        assert!(split_source("docker.io/").is_err());
    }

    #[test]
    fn an_image_without_a_tag_is_latest() {
        assert_eq!(tagged("library/nginx"), "library/nginx:latest");
        assert_eq!(tagged("nginx:v1"), "nginx:v1");
        assert_eq!(tagged("nginx@sha256:00"), "nginx@sha256:00");
    }
}
