//! Whom to trust: the roots a caller names, else the platform's, else Mozilla's.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::config::Config;
use crate::error::{InfraiError, Result};

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| InfraiError::internal("TLS cannot be set up").with_source(error))
}

/// A configuration that trusts nobody: for plain http, which needs none but whose client wants one.
pub(crate) fn unused() -> Result<ClientConfig> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// The configuration for https: `ca_file`; else what the environment names; else the platform's roots; else, and
/// always on Android, Mozilla's.
pub(crate) fn trusted(config: &Config) -> Result<ClientConfig> {
    if let Some(path) = &config.ca_file {
        return with_roots(pem_file("ca_file", path)?);
    }
    if let Some(roots) = from_environment(&config.extra_ca_variables)? {
        return with_roots(roots);
    }
    if cfg!(not(target_os = "android")) {
        match builder()?.with_platform_verifier() {
            Ok(builder) => return Ok(builder.with_no_client_auth()),
            Err(error) => {
                tracing::warn!(%error, "the platform has no certificate roots; using the bundled ones");
            }
        }
    }
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    with_roots(roots)
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig> {
    Ok(builder()?.with_root_certificates(roots).with_no_client_auth())
}

fn from_environment(extra: &[&str]) -> Result<Option<RootCertStore>> {
    let value = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if value("SSL_CERT_FILE").is_some() || value("SSL_CERT_DIR").is_some() {
        // The loader reads both variables itself, in every platform's way.
        let loaded = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(loaded.certs);
        if added == 0 {
            let reason = loaded.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
            return Err(InfraiError::configuration(
                "CONFIGURATION_INVALID",
                format!("SSL_CERT_FILE / SSL_CERT_DIR name no certificate that can be read{reason}"),
            ));
        }
        return Ok(Some(roots));
    }
    match extra.iter().find_map(|name| Some((name, value(name)?))) {
        Some((name, path)) => pem_file(name, Path::new(&path)).map(Some),
        None => Ok(None),
    }
}

fn pem_file(setting: &str, path: &Path) -> Result<RootCertStore> {
    let refuse = |reason: String| {
        InfraiError::configuration(
            "CONFIGURATION_INVALID",
            format!("{setting} ({}) {reason}", path.display()),
        )
        .with_hint("Name a PEM file that holds the certificate authorities to trust.")
    };
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 { Err(refuse("holds no certificate".into())) } else { Ok(roots) }
}
