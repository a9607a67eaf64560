//! Content codings of a response.

use http::{HeaderMap, header};

/// Codings that change the bytes. Object stores and proxies also send other words there, such as `aws-chunked`, `binary`
/// or a character set, for bytes that are as they were stored.
const COMPRESSIONS: [&str; 15] = [
    "gzip",
    "x-gzip",
    "deflate",
    "br",
    "zstd",
    "compress",
    "x-compress",
    "bzip2",
    "x-bzip2",
    "xz",
    "lzma",
    "lz4",
    "snappy",
    "dcb",
    "dcz",
];

/// Returns the response's compressions in lower case, in the order in which they were applied.
pub(crate) fn compressions(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONTENT_ENCODING).into_iter();
    let codings = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    codings
        .map(|coding| coding.trim().to_ascii_lowercase())
        .filter(|coding| COMPRESSIONS.contains(&coding.as_str()))
        .collect()
}

/// Returns whether the body is compressed with gzip and nothing else.
pub(crate) fn is_gzip(headers: &HeaderMap) -> bool {
    headers.contains_key(header::CONTENT_ENCODING)
        && matches!(&*compressions(headers), [coding] if matches!(coding.as_str(), "gzip" | "x-gzip"))
}

/// Returns the compressions of a response of the API that the client did not ask for and cannot undo.
pub(crate) fn unsupported(headers: &HeaderMap) -> Option<String> {
    let compressions = compressions(headers);
    (!compressions.is_empty() && !is_gzip(headers)).then(|| compressions.join(", "))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::CONTENT_ENCODING, HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn only_compressions_count() {
        for plain in ["", " ", "identity", "Identity", "aws-chunked", "binary", "none", "utf-8", "8bit", ","]
        {
            assert!(compressions(&with(&[plain])).is_empty(), "{plain:?}");
            assert_eq!(unsupported(&with(&[plain])), None);
            assert!(!is_gzip(&with(&[plain])));
        }
        assert!(compressions(&HeaderMap::new()).is_empty());
    }

    #[test]
    fn gzip_is_recognised_beside_other_words() {
        for values in [&["gzip"][..], &["GZip"], &["x-gzip"], &["gzip, aws-chunked"], &["identity", "gzip"]] {
            assert!(is_gzip(&with(values)), "{values:?}");
            assert_eq!(unsupported(&with(values)), None);
        }
        for (values, named) in [
            (&["br"][..], "br"),
            (&["Deflate"], "deflate"),
            (&["gzip, br"], "gzip, br"),
            (&["gzip", "gzip"], "gzip, gzip"),
            (&["aws-chunked,zstd"], "zstd"),
        ] {
            assert!(!is_gzip(&with(values)));
            assert_eq!(unsupported(&with(values)).as_deref(), Some(named));
        }
    }
}
