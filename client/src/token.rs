//! Tokens of Microsoft Entra ID for a service principal: the OAuth 2.0 client credentials grant (RFC 6749 §4.4) at the v2.0
//! token endpoint. A token is kept for the life of the client and asked for anew when a service refuses it.

use serde_json::Value;

use crate::{Client, Error, Result};

impl Client {
    /// A token for what `resource` stands for, `https://management.azure.com`.
    pub async fn token(&self, resource: &str) -> Result<String> {
        if let Some(token) = self.kept().get(resource) {
            return Ok(token.clone());
        }
        let token = self.grant(resource).await?;
        self.kept().insert(resource.to_owned(), token.clone());
        Ok(token)
    }

    /// Forgets the token for `resource`: a service said that it is no longer good.
    pub fn forget_token(&self, resource: &str) {
        self.kept().remove(resource);
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<String, String>> {
        self.tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn grant(&self, resource: &str) -> Result<String> {
        let settings = self.settings();
        let path = format!("/{}/oauth2/v2.0/token", settings.tenant);
        let url = format!("{}{path}", settings.authority);
        let scope = format!("{resource}/.default");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", settings.client_id.as_str()),
            ("client_secret", settings.client_secret.expose()),
            ("scope", scope.as_str()),
        ];
        let unreachable = |error: reqwest::Error| Error::unreachable("POST", &url, &error);
        let response = self.http.post(&url).form(&form).send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(unreachable)?;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if status != 200 {
            return Err(Error::refused("POST", &path, status, &body));
        }
        body["access_token"].as_str().map(str::to_owned).ok_or_else(|| Error::lacks("a token request", "access_token"))
    }
}
