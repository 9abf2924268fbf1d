//! What stores answer: which answers may pass, and what is said of those that do not.
//!
//! object_store keeps the status of an answer to itself, so [`Watched`] stands between it and the network: it takes down
//! what a refusal was ([`Refusal`]) and whom nobody reached ([`Unreached`]), without anything that was sent.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use object_store::ClientOptions;
use object_store::client::{
    ClientConfigKey, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest,
    HttpResponse, HttpService,
};

use super::azure::Manners;
use super::{Location, Scheme};
use crate::error::{Error, Kind};

/// Why a request has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No object of that key.
    Missing,
    /// There is an object where there was to be none.
    Exists,
    /// The store has too much to do; and how long it wants to be left alone, if it says so.
    Busy(Option<Duration>),
    /// This process has as many files and connections open as it may.
    Crowded,
    /// What may be gone the next time, in words.
    Passing(String),
    /// No credentials are to be had: a machine that has none to give.
    NoCredentials,
    /// A refusal.
    Refused(Refusal),
    /// Anything else, in words.
    Other(String),
}

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: u16,
    /// The store's word for it, such as `AccessDenied`; empty if it has none.
    code: String,
    retry_after: Option<Duration>,
    /// Where the bucket is instead.
    region: Option<String>,
}

/// A host that did not answer.
#[derive(Debug)]
struct Unreached {
    host: String,
    /// The last cause.
    what: String,
    /// Because no more files may be open.
    is_crowded: bool,
}

impl Unreached {
    fn new(host: String, error: &(dyn StdError + 'static)) -> Self {
        let io = innermost(error).downcast_ref::<std::io::Error>();
        let number = io.and_then(std::io::Error::raw_os_error);
        Self {
            host,
            what: last_cause(error),
            is_crowded: matches!(number, Some(libc::EMFILE | libc::ENFILE)),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.code {
            "" => write!(f, "status {}", self.status),
            code => write!(f, "{code}, status {}", self.status),
        }
    }
}

impl StdError for Refusal {}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.host, self.what)
    }
}

impl StdError for Unreached {}

/// Where machines in clouds are told who they are.
const METADATA_HOSTS: [&str; 5] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "metadata.google.internal",
    "metadata",
];

impl Trouble {
    /// What is behind an error of object_store's.
    pub(super) fn of(error: &object_store::Error) -> Self {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
        let mut broken = None;
        while let Some(error) = cause {
            if let Some(refusal) = error.downcast_ref::<Refusal>() {
                return Self::of_refusal(refusal);
            }
            if let Some(unreached) = error.downcast_ref::<Unreached>() {
                let is_metadata = METADATA_HOSTS.contains(&&*unreached.host);
                return match (unreached.is_crowded, is_metadata) {
                    (true, _) => Self::Crowded,
                    (false, true) => Self::NoCredentials,
                    (false, false) => Self::Passing(unreached.to_string()),
                };
            }
            broken = broken.or_else(|| error.downcast_ref::<HttpError>());
            cause = error.source();
        }
        // The body of an answer that broke off.
        if let Some(broken) = broken {
            return Self::Passing(last_cause(broken));
        }
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            object_store::Error::AlreadyExists { .. }
            | object_store::Error::Precondition { .. } => Self::Exists,
            error => Self::Other(last_cause(error)),
        }
    }

    fn of_refusal(refusal: &Refusal) -> Self {
        match (refusal.status, &*refusal.code) {
            (404, "" | "NoSuchKey" | "BlobNotFound") => Self::Missing,
            // 409 is what stores say to the second of two who write at the same time.
            (412, _) | (409, "" | "ConditionalRequestConflict" | "BlobAlreadyExists") => {
                Self::Exists
            }
            (429 | 503, _) | (_, "SlowDown" | "ServerBusy") => Self::Busy(refusal.retry_after),
            // Not implemented does not pass.
            (408 | 500 | 502 | 504.., _) | (400, "RequestTimeout") | (_, "InternalError") => {
                Self::Passing(refusal.to_string())
            }
            _ => Self::Refused(refusal.clone()),
        }
    }

    /// Whether it is worth another try.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Crowded | Self::Passing(_))
    }

    /// Whether what was asked for may be done all the same: by a store of which no answer came, or none that makes sense.
    pub(super) fn may_have_worked(&self) -> bool {
        match self {
            Self::Passing(_) | Self::Other(_) => true,
            Self::Refused(refusal) => refusal.status < 300,
            _ => false,
        }
    }

    /// How long nothing should be asked, and less at a time from then on; `None` where that would not help.
    pub(super) fn wants_less(&self) -> Option<Duration> {
        match self {
            Self::Busy(wanted) => Some(wanted.unwrap_or_default()),
            Self::Crowded => Some(Duration::ZERO),
            _ => None,
        }
    }

    /// Whether the store does not know what it was asked for.
    pub(super) fn is_unknown_to_the_store(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 501)
    }

    /// The error that the user reads, of somebody who was to do `what` at `place`, in the bucket of `location`.
    pub(super) fn error(&self, location: &Location, place: &str, what: &str) -> Error {
        let bucket = &location.bucket;
        match self {
            Self::Missing => Error::output(
                place,
                format_args!("gone while it was to be {what}; expected it to stay"),
            ),
            Self::Exists => Error::output(
                place,
                "exists already; expected that nobody else writes there",
            ),
            Self::Busy(_) => retry(place, "the store is busy, and has been for too long"),
            Self::Crowded => Error::new(
                Kind::Resources,
                format!("{place}: too many files and connections are open to ask for it; expected room for more"),
            )
            .with_help("ulimit -n 1024"),
            Self::Passing(found) => retry(
                place,
                &format!("cannot be {what} ({found}), tried again and again"),
            ),
            Self::NoCredentials => Error::output(
                place,
                format_args!("no credentials for bucket {bucket}; expected some"),
            )
            .with_help(location.scheme.credentials()),
            Self::Refused(refusal) => refusal.error(location, place, what),
            Self::Other(found) => Error::output(
                place,
                format_args!("cannot be {what} ({found}); expected an answer that makes sense"),
            ),
        }
    }
}

/// A failure that may pass, but has not yet.
fn retry(place: &str, found: &str) -> Error {
    let message = format!("{place}: {found}; expected an answer within --retry-for");
    Error::new(Kind::Retry, message)
        .with_help("run the same command again: what is there is not sent again")
}

impl Refusal {
    /// What is wrong, as far as stores tell, and what to look at.
    fn error(&self, location: &Location, place: &str, what: &str) -> Error {
        let bucket = &location.bucket;
        let error = |found: String| Error::output(place, found);
        match (self.status, &*self.code) {
            (
                _,
                "SignatureDoesNotMatch" | "InvalidAccessKeyId" | "AuthFailure"
                | "AuthenticationFailed" | "InvalidToken" | "InvalidSecurity" | "NotSignedUp",
            )
            | (401, _) => error(format!(
                "the store does not accept the credentials for bucket {bucket} ({self}); expected a key that it knows, and its secret"
            ))
            .with_help(location.scheme.credentials()),
            (_, "ExpiredToken" | "TokenRefreshRequired") => error(format!(
                "the credentials for bucket {bucket} have expired ({self}); expected fresh ones"
            ))
            .with_help(location.scheme.credentials()),
            (_, "RequestTimeTooSkewed") => error(format!(
                "this machine's clock is not the store's ({self}); expected them to agree"
            ))
            .with_help("timedatectl set-ntp true"),
            (_, "NoSuchBucket" | "ContainerNotFound" | "InvalidBucketName") | (404, _) => error(format!(
                "no bucket {bucket} there ({self}); expected one that exists"
            ))
            .with_help(location.scheme.endpoint()),
            (_, "PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
                self.elsewhere(location, place)
            }
            (301 | 307, _) if self.region.is_some() => self.elsewhere(location, place),
            (300..=399, _) => error(format!(
                "the answer is to ask elsewhere ({self}), which a store would not say; expected the store itself"
            ))
            .with_help("something between may want a login in a browser first; else look at the endpoint's address"),
            (200..=299, "") => error(format!(
                "cannot be {what}: the answer is a page of the web, not a store's; expected the store itself"
            ))
            .with_help("something between may want a login in a browser first; else look at the endpoint's address"),
            (403, _) => error(format!(
                "no permission for it to be {what} in bucket {bucket} ({self}); expected the right to list, read, put and delete objects"
            ))
            .with_help(location.scheme.rights()),
            _ => error(format!("cannot be {what}: the store refuses it ({self})")),
        }
    }
}

impl Refusal {
    /// A bucket of another region.
    fn elsewhere(&self, location: &Location, place: &str) -> Error {
        let bucket = &location.bucket;
        let (found, help) = match &self.region {
            Some(region) => (
                format!("bucket {bucket} is in region {region} ({self})"),
                format!("AWS_REGION={region}"),
            ),
            None => (
                format!("bucket {bucket} is in another region ({self})"),
                format!("aws s3api get-bucket-location --bucket {bucket}"),
            ),
        };
        Error::output(
            place,
            format_args!("{found}; expected its own in AWS_REGION"),
        )
        .with_help(help)
    }
}

impl Scheme {
    /// What may lead to another store than was meant.
    fn endpoint(self) -> &'static str {
        match self {
            Self::S3 => "check its name, and AWS_ENDPOINT_URL if the store is not Amazon's",
            Self::Gs => "check its name",
            Self::Az => "check the container's name, and the account's",
        }
    }

    /// The rights that are needed, by their names.
    fn rights(self) -> &'static str {
        match self {
            Self::S3 => {
                "s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload in the policy, or what the store calls them; and the right credentials"
            }
            Self::Gs => "the role roles/storage.objectUser; and the right credentials",
            Self::Az => {
                "the role Storage Blob Data Contributor, or a SAS with sp=rcwdl; and the right credentials"
            }
        }
    }
}

/// The innermost of an error's causes: the one that tells something.
fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last
}

/// What [`innermost`] says.
fn last_cause(error: &(dyn StdError + 'static)) -> String {
    // It may quote what an answer had in it.
    let plain = innermost(error).to_string().replace(char::is_control, " ");
    plain.chars().take(200).collect()
}

/// One request may take this long: a part of an archive over a slow line.
const TIMEOUT: Duration = Duration::from_secs(120);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What tells machines in clouds who they are is near, or not there.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// Connects through [`Watched`].
#[derive(Debug, Default)]
pub(super) struct Connector {
    azure: Option<Arc<Manners>>,
}

impl Connector {
    /// To a store with the manners of Azure.
    pub(super) fn to_azure(manners: Arc<Manners>) -> Self {
        Self {
            azure: Some(manners),
        }
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let told = |key| options.get_config_value(&key);
        let is_plain = told(ClientConfigKey::AllowHttp).is_some_and(|told| told == "true");
        // object_store asks for a time of its own only where it asks for metadata; we ask for none.
        let connect_timeout = match told(ClientConfigKey::ConnectTimeout) {
            Some(told) if told == "1s" => METADATA_TIMEOUT,
            _ => CONNECT_TIMEOUT,
        };
        let client = reqwest::Client::builder()
            .user_agent(concat!("azulejo/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .https_only(!is_plain)
            // What wants us to go elsewhere is no store: a login in between would take our tiles and say yes to each.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(connect_timeout)
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| object_store::Error::Generic {
                store: "HTTP",
                source: Box::new(error),
            })?;
        Ok(HttpClient::new(Watched {
            client: HttpClient::new(client),
            azure: self.azure.clone(),
        }))
    }
}

/// A client whose failures say what they are.
#[derive(Debug)]
struct Watched {
    client: HttpClient,
    azure: Option<Arc<Manners>>,
}

impl HttpService for Watched {
    // As `#[async_trait]` writes it, which is not worth a macro here.
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.ask(request))
    }
}

impl Watched {
    async fn ask(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if let Some(azure) = &self.azure {
            azure.add_headers(&mut request).await?;
        }
        let host = request.uri().host().unwrap_or_default().to_owned();
        let is_list = request
            .uri()
            .query()
            .is_some_and(|query| query.contains("list-type=2") || query.contains("comp=list&"));
        let reads = request.method() == "GET" && !is_list;
        let posts = request.method() == "POST";
        let response = self.client.execute(request).await.map_err(|error| {
            let unreached = Unreached::new(host.clone(), &error);
            HttpError::new(HttpErrorKind::Unknown, unreached)
        })?;
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        // An object may be a page; nothing else that a store says is one.
        let is_page = header("content-type").is_some_and(|told| told.starts_with("text/html"));
        if response.status().is_success() && (reads || !is_page) {
            return match &self.azure {
                None if posts => unless_error(response).await,
                Some(_) => super::azure::with_sums(response, is_list).await,
                None => Ok(response),
            };
        }
        if METADATA_HOSTS.contains(&&*host) && response.status().is_client_error() {
            // A machine without a role says that there is no such page.
            let what = format!("status {}", response.status().as_u16());
            let nobody = Unreached {
                host,
                what,
                is_crowded: false,
            };
            return Err(HttpError::new(HttpErrorKind::Unknown, nobody));
        }
        Err(HttpError::new(
            // Of a kind that object_store does not try again by itself.
            HttpErrorKind::Unknown,
            Refusal::read(response).await,
        ))
    }
}

/// An answer that says yes first, while parts are still being put together, and may say no in its body.
async fn unless_error(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (parts, body) = response.into_parts();
    let bytes = body.bytes().await?;
    let text = String::from_utf8_lossy(&bytes);
    let (_, root) = text.split_once("?>").unwrap_or(("", &text));
    if !root.trim_start().starts_with("<Error>") {
        return Ok(HttpResponse::from_parts(parts, bytes.into()));
    }
    let refusal = Refusal {
        status: parts.status.as_u16(),
        code: code_of(&text),
        retry_after: None,
        region: None,
    };
    Err(HttpError::new(HttpErrorKind::Unknown, refusal))
}

impl Refusal {
    async fn read(response: HttpResponse) -> Self {
        let (parts, body) = response.into_parts();
        let header = |name: &str| parts.headers.get(name)?.to_str().ok();
        let text = body.bytes().await.unwrap_or_default();
        Self::of(parts.status.as_u16(), header, &text)
    }

    /// What an answer says, by its headers' names in lower case.
    fn of<'a>(status: u16, header: impl Fn(&str) -> Option<&'a str>, body: &[u8]) -> Self {
        let retry_after = header("retry-after").and_then(|text| text.parse().ok());
        let region = header("x-amz-bucket-region").and_then(word);
        let azure = header("x-ms-error-code").and_then(word);
        let text = String::from_utf8_lossy(body);
        Self {
            status,
            code: azure.unwrap_or_else(|| code_of(&text)),
            retry_after: retry_after.map(Duration::from_secs),
            region,
        }
    }
}

/// What the user reads of an answer with these headers and this body. A door for tests with any bytes.
#[doc(hidden)]
pub fn told_of_answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> String {
    let header = |name: &str| {
        let mut found = headers.iter().filter(|header| header.0 == name);
        found.next().map(|header| header.1)
    };
    let trouble = Trouble::of_refusal(&Refusal::of(status, header, body));
    let location = Location {
        scheme: Scheme::S3,
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
    };
    let error = trouble.error(&location, "s3://bucket/key", "read");
    format!("{error} {}", error.help().unwrap_or_default())
}

/// The store's word in `<Error><Code>AccessDenied</Code>…`. Nothing else of such a text is for the eyes of others: it may tell
/// what was signed.
fn code_of(text: &str) -> String {
    let code = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"))
        .and_then(|(code, _)| word(code.trim()));
    code.unwrap_or_default()
}

/// `text` if it is a word that may be shown.
fn word(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_word = (1..=64).contains(&text.len()) && text.chars().all(is_plain);
    is_word.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::Scheme;

    fn refusal(status: u16, code: &str) -> Refusal {
        Refusal {
            status,
            code: code.to_owned(),
            retry_after: None,
            region: None,
        }
    }

    #[test]
    fn a_stores_word_is_found_and_nothing_else() {
        assert_eq!(
            code_of("<Error><Code>NoSuchKey</Code></Error>"),
            "NoSuchKey"
        );
        assert_eq!(code_of("<Code>not a word</Code>"), "");
        assert_eq!(code_of("<html>Bad gateway"), "");
    }

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        for (status, code) in [
            (503, ""),
            (429, ""),
            (503, "SlowDown"),
            (500, ""),
            (502, ""),
            (504, ""),
            (408, ""),
        ] {
            assert!(
                Trouble::of_refusal(&refusal(status, code)).may_pass(),
                "{status}"
            );
        }
        for (status, code) in [
            (403, "SignatureDoesNotMatch"),
            (403, "AccessDenied"),
            (404, "NoSuchBucket"),
            (301, "PermanentRedirect"),
            (501, "NotImplemented"),
            (400, "InvalidRequest"),
        ] {
            assert!(
                !Trouble::of_refusal(&refusal(status, code)).may_pass(),
                "{status}"
            );
        }
    }

    #[test]
    fn refusals_name_the_bucket_and_what_to_look_at() {
        let location = Location {
            scheme: Scheme::S3,
            bucket: "maps".to_owned(),
            key: "a".to_owned(),
        };
        for (status, code, said, help) in [
            (
                403,
                "SignatureDoesNotMatch",
                "does not accept the credentials",
                "AWS_SECRET_ACCESS_KEY",
            ),
            (403, "AccessDenied", "no permission", "s3:PutObject"),
            (404, "NoSuchBucket", "no bucket maps", "AWS_ENDPOINT_URL"),
            (
                301,
                "PermanentRedirect",
                "another region",
                "get-bucket-location",
            ),
        ] {
            let error = refusal(status, code).error(&location, "s3://maps/a", "put");
            assert!(error.to_string().contains(said), "{error}");
            assert!(error.to_string().contains("maps"), "{error}");
            assert!(error.help().unwrap_or_default().contains(help), "{error}");
        }
    }
}
