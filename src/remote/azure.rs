//! What is Azure's own: its variables, sums in its lists of objects, and headers of an upload in parts.

use std::future::Future;
use std::sync::OnceLock;

use object_store::azure::{
    AzureAuthorizer, AzureConfigKey, AzureCredential, AzureCredentialProvider,
};
use object_store::client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse};

use super::Headers;
use crate::error::{Error, Result};

/// What Microsoft's own tools read: each of `AZURE_STORAGE_ACCOUNT` and `AZURE_STORAGE_KEY`, and the parts of
/// `AZURE_STORAGE_CONNECTION_STRING`, which count more. `AZURE_STORAGE_SAS_TOKEN` is known to object_store.
///
/// # Errors
/// For a connection string that is none.
pub(super) fn settings(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(AzureConfigKey, String)>> {
    let own = [
        ("AZURE_STORAGE_ACCOUNT", AzureConfigKey::AccountName),
        ("AZURE_STORAGE_KEY", AzureConfigKey::AccessKey),
    ];
    let mut found: Vec<_> = own
        .into_iter()
        .filter_map(|(name, key)| Some((key, variable(name)?)))
        .collect();
    if let Some(text) = variable("AZURE_STORAGE_CONNECTION_STRING") {
        found.extend(connection(&text)?);
    }
    Ok(found)
}

/// The parts of a connection string that have to do with blobs.
fn connection(text: &str) -> Result<Vec<(AzureConfigKey, String)>> {
    let parts: Option<Vec<(&str, &str)>> = text
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('='))
        .collect();
    // Without the text: it has the key in it.
    let parts = parts.ok_or_else(|| {
        Error::usage(
            "AZURE_STORAGE_CONNECTION_STRING: a part without a =; expected NAME=VALUE;NAME=VALUE",
        )
        .with_help("az storage account show-connection-string")
    })?;
    let get = |name: &str| {
        let part = parts
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name));
        part.map(|(_, value)| (*value).to_owned())
    };
    if get("UseDevelopmentStorage").is_some_and(|told| told.eq_ignore_ascii_case("true")) {
        return Ok(vec![(AzureConfigKey::UseEmulator, "true".to_owned())]);
    }
    let account = get("AccountName");
    let endpoint = get("BlobEndpoint").or_else(|| {
        let (account, suffix) = (account.as_deref()?, get("EndpointSuffix")?);
        let protocol = get("DefaultEndpointsProtocol").unwrap_or_else(|| "https".to_owned());
        Some(format!("{protocol}://{account}.blob.{suffix}"))
    });
    let endpoint = endpoint.map(|told| told.trim_end_matches('/').to_owned());
    let account = account.or_else(|| account_of(endpoint.as_deref()?));
    let found = [
        (AzureConfigKey::AccountName, account),
        (AzureConfigKey::AccessKey, get("AccountKey")),
        (AzureConfigKey::SasKey, get("SharedAccessSignature")),
        (AzureConfigKey::Endpoint, endpoint),
    ];
    Ok(found
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect())
}

/// The account that an endpoint is of: the first part of its host, or of its path where the host is no name.
fn account_of(endpoint: &str) -> Option<String> {
    let (_, rest) = endpoint.split_once("://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let found = match host.split_once(".blob.") {
        Some((account, _)) => account,
        None => path.split('/').next().unwrap_or_default(),
    };
    (!found.is_empty()).then(|| found.to_owned())
}

tokio::task_local! {
    /// What an object that is put together now says about itself.
    static SAID: Headers;
}

/// `work`, which may put an object together from its parts: it then says `headers` about itself. object_store has no way to
/// tell Azure.
pub(super) fn saying<F: Future>(headers: Headers, work: F) -> impl Future<Output = F::Output> {
    SAID.scope(headers, work)
}

/// Who signs requests that object_store has left without their headers.
#[derive(Debug, Default)]
pub(super) struct Manners {
    signer: OnceLock<(AzureCredentialProvider, String)>,
}

impl Manners {
    /// Signs from now on with what `credentials` gives, for `account`.
    pub(super) fn signed_by(&self, credentials: &AzureCredentialProvider, account: String) {
        // There is one store to a connection, so nobody was here before.
        let _ = self.signer.set((credentials.clone(), account));
    }

    /// Adds the headers of [`saying`] to a request that puts an object together.
    pub(super) async fn add_headers(
        &self,
        request: &mut HttpRequest,
    ) -> std::result::Result<(), HttpError> {
        let is_commit =
            (request.uri().query()).is_some_and(|query| query.contains("comp=blocklist"));
        let (true, Ok(headers), Some((credentials, account))) =
            (is_commit, SAID.try_with(Headers::clone), self.signer.get())
        else {
            return Ok(());
        };
        let unfit = |error| HttpError::new(HttpErrorKind::Unknown, error);
        for (name, value) in [
            ("x-ms-blob-content-type", &headers.content_type),
            ("x-ms-blob-cache-control", &headers.cache_control),
        ] {
            let value = value
                .parse()
                .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
            request.headers_mut().insert(name, value);
        }
        let credential = credentials.get_credential().await.map_err(unfit)?;
        // Only a key signs headers.
        if matches!(&*credential, AzureCredential::AccessKey(_)) {
            request.headers_mut().remove("authorization");
            let authorizer = AzureAuthorizer::new(&credential, account);
            authorizer.try_authorize(request).map_err(unfit)?;
        }
        Ok(())
    }
}

/// An answer with the MD5 of every object in the place of its ETag, which here is a number that says nothing. Azure sums up what
/// is put in one piece; what is put in parts keeps its ETag.
pub(super) async fn with_sums(
    mut answer: HttpResponse,
    is_list: bool,
) -> std::result::Result<HttpResponse, HttpError> {
    if is_list {
        let (parts, body) = answer.into_parts();
        let text = body.bytes().await?;
        let text = match std::str::from_utf8(&text) {
            Ok(text) => list_with_sums(text).into_bytes().into(),
            Err(_) => text,
        };
        return Ok(HttpResponse::from_parts(parts, text.into()));
    }
    let sum = answer.headers().get("content-md5");
    let sum = sum.and_then(|value| hex(value.to_str().ok()?)?.parse().ok());
    if let Some(sum) = sum {
        answer.headers_mut().insert("etag", sum);
    }
    Ok(answer)
}

/// A list of blobs with sums for ETags.
fn list_with_sums(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for blob in text.split_inclusive("</Blob>") {
        let sum = between(blob, "<Content-MD5>", "</Content-MD5>").and_then(hex);
        match (sum, blob.split_once("<Etag>")) {
            (Some(sum), Some((before, after))) => {
                let rest = after.find('<').map_or("", |end| &after[end..]);
                out.extend([before, "<Etag>", &*sum, rest]);
            }
            _ => out.push_str(blob),
        }
    }
    out
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}

/// The hexadecimal digits of an MD5 in Base64.
fn hex(base64: &str) -> Option<String> {
    let digits = base64
        .strip_suffix("==")
        .filter(|digits| digits.len() == 22)?;
    let six_bits = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (most, last) = digits.as_bytes().split_at(21);
    let number = most
        .iter()
        .try_fold(0, |sum: u128, &c| Some(sum << 6 | u128::from(six_bits(c)?)))?;
    // 21 digits have 126 bits, the last one the other two.
    Some(format!(
        "{:032x}",
        number << 2 | u128::from(six_bits(last[0])? >> 4)
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    fn settings_of(variables: &[(&str, &str)]) -> Result<Vec<(AzureConfigKey, String)>> {
        settings(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_connection_string_tells_account_key_and_endpoint() {
        use AzureConfigKey as Key;
        let of = |text| settings_of(&[("AZURE_STORAGE_CONNECTION_STRING", text)]).unwrap();
        let own = |key, value: &str| (key, value.to_owned());
        assert_eq!(
            of(
                "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=a+b==;EndpointSuffix=core.chinacloudapi.cn"
            ),
            [
                own(Key::AccountName, "me"),
                own(Key::AccessKey, "a+b=="),
                own(Key::Endpoint, "https://me.blob.core.chinacloudapi.cn"),
            ]
        );
        assert_eq!(
            of(
                "BlobEndpoint=https://me.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=x%3D;"
            ),
            [
                own(Key::AccountName, "me"),
                own(Key::SasKey, "sv=1&sig=x%3D"),
                own(Key::Endpoint, "https://me.blob.core.windows.net"),
            ]
        );
        assert_eq!(
            of("BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1"),
            [
                own(Key::AccountName, "devstoreaccount1"),
                own(Key::Endpoint, "http://127.0.0.1:10000/devstoreaccount1"),
            ]
        );
        assert_eq!(
            of("UseDevelopmentStorage=true"),
            [own(Key::UseEmulator, "true")]
        );
        let error = settings_of(&[("AZURE_STORAGE_CONNECTION_STRING", "canary")]).unwrap_err();
        assert!(!error.to_string().contains("canary"));
    }

    #[test]
    fn variables_count_less_than_a_connection_string() {
        let found = settings_of(&[
            ("AZURE_STORAGE_ACCOUNT", "one"),
            ("AZURE_STORAGE_CONNECTION_STRING", "AccountName=two"),
        ]);
        let names: Vec<String> = found.unwrap().into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["one", "two"]);
    }

    #[test]
    fn sums_stand_for_etags_in_a_list() {
        let list = "<L><Blob><Name>a</Name><P><Etag>0x1</Etag><Content-MD5>kAFQmDzST7DWlj99KOF/cg==</Content-MD5></P></Blob>\
                    <Blob><Name>b</Name><P><Etag>0x2</Etag><Content-MD5 /></P></Blob><N/></L>";
        let wanted = list.replace("0x1", "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(list_with_sums(list), wanted);
        assert_eq!(list_with_sums("<html>"), "<html>");
        assert_eq!(hex("kAFQmDzST7DWlj99KOF/c!=="), None);
    }
}
