//! From variables and files of the stores' own tools to a store that can be asked.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureAccessKey, AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::multipart::MultipartStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::answer::{Connector, Trouble};
use super::azure;
use super::profile::{self, variable};
use super::{Location, Scheme};
use crate::error::{Error, Result};

/// A store by the two faces it has.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) parts: Arc<dyn MultipartStore>,
}

impl Scheme {
    /// Where credentials come from, as a hint.
    pub(super) fn credentials(self) -> &'static str {
        match self {
            Self::S3 => {
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN where there is one), AWS_PROFILE, or the machine's role"
            }
            Self::Gs => {
                "GOOGLE_APPLICATION_CREDENTIALS=key.json, or: gcloud auth application-default login, or: GOOGLE_BEARER_TOKEN=\"$(gcloud auth print-access-token)\""
            }
            Self::Az => {
                "AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or AZURE_STORAGE_CONNECTION_STRING"
            }
        }
    }
}

/// Makes the store of `location`. Nothing is asked of it yet.
///
/// # Errors
/// [`Kind::Usage`](crate::error::Kind::Usage) when variables or files make no sense.
pub(super) fn store(location: &Location) -> Result<Store> {
    // Once a process; a second time it says no, which is as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match location.scheme {
        Scheme::S3 => amazon(location),
        Scheme::Gs => google(location),
        Scheme::Az => azure(location),
    }
}

/// We try again by ourselves: that is where the number of requests at a time is known.
fn no_retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 0,
        retry_timeout: Duration::ZERO,
    }
}

/// What all builders are told in the same words; they have no trait in common.
macro_rules! built {
    ($builder:expr, $options:expr, $connector:expr, $location:expr) => {
        $builder
            .with_client_options($options)
            .with_retry(no_retries())
            .with_http_connector($connector)
            .build()
            .map_err(|error| unfit($location, &error))
    };
}

fn amazon(location: &Location) -> Result<Store> {
    use AmazonS3ConfigKey as Key;
    let mut builder = AmazonS3Builder::from_env();
    let profile = profile::read()?;
    let has = |builder: &AmazonS3Builder, key: &Key| builder.get_config_value(key).is_some();
    // Keys of the surroundings and of a file are never mixed.
    let has_key = has(&builder, &Key::AccessKeyId) || has(&builder, &Key::SecretAccessKey);
    let has_role = has(&builder, &Key::WebIdentityTokenFile)
        || has(&builder, &Key::ContainerCredentialsRelativeUri)
        || has(&builder, &Key::ContainerCredentialsFullUri);
    let mut is_known = has_key || has_role || variable("AWS_SKIP_SIGNATURE").is_some();
    if !is_known {
        for (name, key) in [
            ("aws_access_key_id", Key::AccessKeyId),
            ("aws_secret_access_key", Key::SecretAccessKey),
            ("aws_session_token", Key::Token),
        ] {
            if let Some(value) = profile.get(name) {
                is_known = true;
                builder = builder.with_config(key, value);
            }
        }
    }
    if !is_known {
        refuse_other_ways(location, &profile)?;
    }
    if variable("AWS_REGION").is_none() {
        let told = variable("AWS_DEFAULT_REGION").or_else(|| profile.get("region").cloned());
        builder = builder.with_region(told.unwrap_or_else(|| "us-east-1".to_owned()));
    }
    let endpoint = variable("AWS_ENDPOINT_URL_S3")
        .or_else(|| variable("AWS_ENDPOINT_URL"))
        .or_else(|| variable("AWS_ENDPOINT"))
        .or_else(|| profile.get("endpoint_url").cloned());
    let options = client_options(endpoint.as_deref(), "AWS_ALLOW_HTTP")?;
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let builder = builder.with_bucket_name(&location.bucket);
    let store = built!(builder, options, Connector::default(), location)?;
    Ok(faces(store))
}

/// Refuses what Amazon's tools can do to get credentials and we cannot, instead of asking a machine that knows nothing.
fn refuse_other_ways(location: &Location, profile: &profile::Profile) -> Result<()> {
    let others = [
        "sso_session",
        "sso_start_url",
        "credential_process",
        "role_arn",
        "login_session",
    ];
    if let Some(found) = others.iter().find(|key| profile.contains_key(**key)) {
        return Err(Error::usage(format!(
            "{location}: the profile has its credentials by {found}; expected aws_access_key_id and aws_secret_access_key"
        ))
        .with_help("eval \"$(aws configure export-credentials --format env)\""));
    }
    if variable("AWS_EC2_METADATA_DISABLED").is_some_and(|told| told.eq_ignore_ascii_case("true")) {
        return Err(Trouble::NoCredentials.error(location, &location.to_string(), "listed"));
    }
    Ok(())
}

fn google(location: &Location) -> Result<Store> {
    let mut builder = GoogleCloudStorageBuilder::from_env();
    if let Some(host) = variable("STORAGE_EMULATOR_HOST") {
        // As Google's tools take it, with or without http://, and no credentials: an emulator knows nobody.
        let base = match host.split_once("://") {
            Some(_) => host,
            None => format!("http://{host}"),
        };
        builder = builder.with_base_url(base.trim_end_matches('/'));
        if builder
            .get_config_value(&GoogleConfigKey::BearerToken)
            .is_none()
        {
            builder = builder.with_bearer_token("emulator");
        }
    }
    let endpoint = builder.get_config_value(&GoogleConfigKey::BaseUrl);
    let options = client_options(endpoint.as_deref(), "GOOGLE_ALLOW_HTTP")?;
    let builder = builder.with_bucket_name(&location.bucket);
    let store = built!(builder, options, Connector::default(), location)?;
    Ok(faces(store))
}

fn azure(location: &Location) -> Result<Store> {
    let mut builder = MicrosoftAzureBuilder::from_env();
    for (key, value) in azure::settings(variable)? {
        builder = builder.with_config(key, value);
    }
    let key = builder.get_config_value(&AzureConfigKey::AccessKey);
    if key.is_some_and(|key| AzureAccessKey::try_new(&key).is_err()) {
        // object_store would show what of it is wrong.
        let found = "AZURE_STORAGE_KEY: not in Base64; expected the key of the storage account";
        return Err(Error::usage(found).with_help("az storage account keys list"));
    }
    let endpoint = builder.get_config_value(&AzureConfigKey::Endpoint);
    let options = client_options(endpoint.as_deref(), "AZURE_ALLOW_HTTP")?;
    let account = builder.get_config_value(&AzureConfigKey::AccountName);
    let builder = builder.with_container_name(&location.bucket);
    let manners = Arc::new(azure::Manners::default());
    let connector = Connector::to_azure(Arc::clone(&manners));
    let store = built!(builder, options, connector, location)?;
    manners.signed_by(store.credentials(), account.unwrap_or_default());
    Ok(faces(store))
}

fn faces<S: ObjectStore + MultipartStore>(store: S) -> Store {
    let store = Arc::new(store);
    Store {
        objects: Arc::clone(&store) as Arc<dyn ObjectStore>,
        parts: store,
    }
}

/// For a store at `endpoint`, or at its own address. `variable_name` lets it be asked without TLS on another machine.
fn client_options(endpoint: Option<&str>, variable_name: &str) -> Result<ClientOptions> {
    let is_plain = endpoint.map(|endpoint| may_be_plain(endpoint, variable_name));
    Ok(ClientOptions::new().with_allow_http(is_plain.transpose()?.unwrap_or(false)))
}

/// Whether `endpoint` may be asked without TLS: only on this machine, or where `variable_name` says so.
fn may_be_plain(endpoint: &str, variable_name: &str) -> Result<bool> {
    let Some(rest) = endpoint.strip_prefix("http://") else {
        return Ok(false);
    };
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let is_here = host == "localhost"
        || ["localhost:", "127.", "[::1]"]
            .iter()
            .any(|start| host.starts_with(start));
    if is_here || variable(variable_name).is_some_and(|told| told.eq_ignore_ascii_case("true")) {
        return Ok(true);
    }
    Err(Error::usage(format!(
        "http://{host}: an endpoint without TLS on another machine; expected https://"
    ))
    .with_help(format!("{variable_name}=true sends all the same")))
}

/// Settings that make no store.
fn unfit(location: &Location, error: &object_store::Error) -> Error {
    let what = match Trouble::of(error) {
        Trouble::Other(what) => what,
        _ => "settings that make no sense".to_owned(),
    };
    Error::usage(format!("{location}: {what}; expected settings of a store"))
        .with_help(location.scheme.credentials())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine() {
        for (endpoint, plain) in [
            ("https://minio.example", Some(false)),
            ("http://localhost:9000", Some(true)),
            ("http://127.0.0.1:1/x", Some(true)),
            ("http://[::1]:9000", Some(true)),
            ("http://localhost.example.com", None),
            ("http://192.168.0.1:9000", None),
        ] {
            assert_eq!(
                may_be_plain(endpoint, "NO_SUCH_VARIABLE").ok(),
                plain,
                "{endpoint}"
            );
        }
        let error = may_be_plain("http://me:secret@far.example", "NO_SUCH_VARIABLE").unwrap_err();
        assert!(!error.to_string().contains("secret"));
    }
}
