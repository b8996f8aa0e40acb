//! One POST after the other to a webhook. Neither its URL nor its token is ever part of a message, an error
//! or the log.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use url::Url;

use crate::config::{NotifyFormat, NotifySettings, SecretPlace, UrlPlace, parse_url};
use crate::outgoing::{self, bearer, read_secret, words};

/// The path of Alertmanager's API that takes alerts.
const ALERTS: &str = "/api/v2/alerts";

/// Why a message was not taken. The words hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It may pass by itself; the receiver may have said when.
    Passing(String, Option<Duration>),
    /// The receiver does not want this message.
    Refused(String),
}

/// Sends to one webhook.
#[derive(Debug)]
pub(super) struct Sender {
    settings: NotifySettings,
    /// None before the first message, so that a file of certificates may come late.
    client: Option<Client>,
}

/// What is wrong with the files and variables that a webhook names.
pub(super) fn problems(settings: &NotifySettings) -> Vec<String> {
    let certificates = || {
        let client = outgoing::client(settings.timeout, settings.ca_file.as_deref());
        client.err().map(|error| format!("{error:#}"))
    };
    let found = [
        url(settings).err(),
        token(settings).err(),
        settings.ca_file.as_ref().and_then(|_| certificates()),
    ];
    let named = |why| format!("the webhook `{}`: {why}", settings.name);
    found.into_iter().flatten().map(named).collect()
}

// === impl Sender ===

impl Sender {
    pub(super) fn new(settings: &NotifySettings) -> Self {
        Self {
            settings: settings.clone(),
            client: None,
        }
    }

    /// Sends a message once.
    pub(super) async fn send(&mut self, message: &Value) -> Result<(), Fault> {
        let passing = |why: String| Fault::Passing(why, None);
        let url = url(&self.settings).map_err(passing)?;
        let token = token(&self.settings).map_err(passing)?;
        let mut request = self
            .client()
            .map_err(|error| passing(format!("{error:#}")))?
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .body(message.to_string());
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token);
        }
        let response = request
            .send()
            .await
            .map_err(|error| passing(words(error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        // Its body is not read: it may repeat what was sent.
        if outgoing::is_passing(status) {
            let asked = outgoing::asked_wait(response.headers());
            return Err(Fault::Passing(format!("it answered {status}"), asked));
        }
        Err(Fault::Refused(format!(
            "it answered {status} (hint: {})",
            hint(status)
        )))
    }

    fn client(&mut self) -> anyhow::Result<&Client> {
        let client = match self.client.take() {
            Some(client) => client,
            None => outgoing::client(self.settings.timeout, self.settings.ca_file.as_deref())?,
        };
        Ok(self.client.insert(client))
    }
}

fn hint(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "check its token",
        StatusCode::NOT_FOUND | StatusCode::GONE => "check its URL",
        _ if status.is_redirection() => "use the address it points to",
        _ => "check its `format`, and see what its log says",
    }
}

/// Where to POST to, read anew: whoever renews it need not tell us.
fn url(settings: &NotifySettings) -> Result<Url, String> {
    let mut url = match &settings.url {
        UrlPlace::Written(url) => url.clone(),
        UrlPlace::Secret(place) => {
            let text = secret(place)?;
            parse_url(&text, settings.plain_http)
                .map_err(|why| format!("cannot use the URL in {place}: {why}"))?
        }
    };
    if settings.format == NotifyFormat::Alertmanager && !url.path().ends_with(ALERTS) {
        let path = format!("{}{ALERTS}", url.path().trim_end_matches('/'));
        url.set_path(&path);
    }
    Ok(url)
}

fn token(settings: &NotifySettings) -> Result<Option<HeaderValue>, String> {
    let Some(place) = &settings.token else {
        return Ok(None);
    };
    let text = secret(place)?;
    let header = bearer(&text).map_err(|why| format!("cannot use the token in {place}: {why}"))?;
    Ok(Some(header))
}

fn secret(place: &SecretPlace) -> Result<String, String> {
    match place {
        SecretPlace::File(path) => {
            read_secret(path).map_err(|error| format!("cannot read {place}: {error}"))
        }
        SecretPlace::Env(name) => std::env::var(name).map_err(|_| format!("{place} is not set")),
    }
}
