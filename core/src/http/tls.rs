//! Root certificates: the caller's bundle, the platform's store, or Mozilla's bundled roots.

use std::{env, ffi::OsString, path::Path, sync::Arc};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_native_certs::load_certs_from_paths;
#[cfg(not(target_os = "android"))]
use rustls_platform_verifier::{BuilderVerifierExt as _, Verifier};

use crate::{
    environment::{self, Environment},
    error::{InfraiError, Result},
    http::config::HttpConfig,
    text::Escaped,
};

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| InfraiError::internal("TLS cannot be set up").with_source(error))
}

/// Returns a configuration that trusts no root. Plain http needs none, but its client requires a configuration.
pub(crate) fn placeholder_config() -> Result<ClientConfig> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Returns the configuration for https. Its roots are those of `ca_file`, else of the environment variables, else the
/// platform's, else Mozilla's. Android always uses Mozilla's in place of the platform's. The additional roots of the
/// caller's language apply to all but `ca_file`.
pub(crate) fn client_config(config: &HttpConfig) -> Result<ClientConfig> {
    if let Some(path) = &config.options.ca_file {
        let mut roots = RootCertStore::empty();
        add_roots(&mut roots, pem_file("ca_file", path)?);
        return with_roots(roots);
    }
    let environment = &config.environment;
    let added = match first_set_env(environment, &config.additional_ca_env) {
        Some((name, path)) => pem_file(name, Path::new(&path))?,
        None => Vec::new(),
    };
    if let Some(mut roots) = from_environment(environment, &config.ca_bundle_env)? {
        add_roots(&mut roots, added);
        return with_roots(roots);
    }
    #[cfg(not(target_os = "android"))]
    match platform_roots(environment, added.clone()) {
        Ok(config) => return Ok(config),
        Err(error) => {
            tracing::warn!(error = %Escaped(&error), "the platform has no certificate roots; using the bundled ones");
        }
    }
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    add_roots(&mut roots, added);
    with_roots(roots)
}

#[cfg(not(target_os = "android"))]
fn platform_roots(
    environment: &Environment,
    added: Vec<CertificateDer<'static>>,
) -> Result<ClientConfig, rustls::Error> {
    if cfg!(target_os = "linux") && !environment.agrees_with_process(&environment::CERTIFICATES) {
        return folder_roots(added);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    // First without the additional roots. With them, a platform without roots would return no error.
    let platform = builder.clone().with_platform_verifier()?;
    if added.is_empty() {
        return Ok(platform.with_no_client_auth());
    }
    let verifier = Verifier::new_with_extra_roots(added, Arc::new(ring::default_provider()))?;
    // The verifier is the platform's own. The library has no shorter way to use it with additional roots.
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}

/// Reads the platform's roots from its folders, for an environment that differs from the process's: the platform's
/// verifier would read the process's variables.
#[cfg(not(target_os = "android"))]
fn folder_roots(added: Vec<CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for folder in ["/etc/ssl/certs", "/etc/pki/tls/certs"] {
        let loaded = load_certs_from_paths(None, Some(Path::new(folder)));
        add_roots(&mut roots, loaded.certs);
    }
    if roots.is_empty() {
        return Err(rustls::Error::General("the system's folders hold no certificate".into()));
    }
    add_roots(&mut roots, added);
    with_roots(roots).map_err(|error| rustls::Error::General(error.to_string()))
}

fn add_roots(roots: &mut RootCertStore, certificates: Vec<CertificateDer<'static>>) -> usize {
    roots.add_parsable_certificates(certificates).0
}

/// Returns the first of these variables that is set and not empty.
fn first_set_env(environment: &Environment, names: &[&'static str]) -> Option<(&'static str, OsString)> {
    names.iter().find_map(|name| Some((*name, environment.var_os(name)?)))
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig> {
    Ok(builder()?.with_root_certificates(roots).with_no_client_auth())
}

fn from_environment(environment: &Environment, extra: &[&'static str]) -> Result<Option<RootCertStore>> {
    let [file, folders] = environment::CERTIFICATES.map(|name| environment.var_os(name));
    if file.is_some() || folders.is_some() {
        let folders = folders.unwrap_or_default();
        let folders = env::split_paths(&folders).filter(|folder| !folder.as_os_str().is_empty());
        let mut loaded = vec![load_certs_from_paths(file.as_deref().map(Path::new), None)];
        loaded.extend(folders.map(|folder| load_certs_from_paths(None, Some(&folder))));
        let mut roots = RootCertStore::empty();
        let mut errors = Vec::new();
        for loaded in loaded {
            add_roots(&mut roots, loaded.certs);
            errors.extend(loaded.errors);
        }
        if roots.is_empty() {
            let reason = errors.first().map(|error| format!(": {error}")).unwrap_or_default();
            return Err(InfraiError::configuration(
                "CONFIGURATION_INVALID",
                format!("SSL_CERT_FILE and SSL_CERT_DIR have no readable certificate{reason}"),
            ));
        }
        return Ok(Some(roots));
    }
    let Some((name, path)) = first_set_env(environment, extra) else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    add_roots(&mut roots, pem_file(name, Path::new(&path))?);
    Ok(Some(roots))
}

/// Reads a file's root certificates, at least one.
fn pem_file(setting: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let refuse = |reason: String| {
        InfraiError::configuration(
            "CONFIGURATION_INVALID",
            format!("{setting} ({}) {reason}", path.display()),
        )
        .with_hint("Set it to a PEM file with the root certificates to trust.")
    };
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let certificates: Vec<_> = certificates
        .into_iter()
        .filter(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok())
        .collect();
    if certificates.is_empty() { Err(refuse("holds no certificate".into())) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Cursor, process::Command};

    use rustls::{ClientConnection, ServerConfig, ServerConnection, pki_types::PrivateKeyDer};

    use super::*;

    const ONE: (&[u8], &[u8]) = (
        include_bytes!("../../tests/certificates/one.pem"),
        include_bytes!("../../tests/certificates/one.key"),
    );
    const OTHER: (&[u8], &[u8]) = (
        include_bytes!("../../tests/certificates/other.pem"),
        include_bytes!("../../tests/certificates/other.key"),
    );

    fn certificate((pem, _): (&[u8], &[u8])) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem).unwrap()
    }

    /// Returns whether a client with this configuration trusts a server's certificate, by a handshake in memory.
    fn trusts(config: &ClientConfig, shown: (&[u8], &[u8])) -> bool {
        let key = PrivateKeyDer::from_pem_slice(shown.1).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate(shown)], key)
            .unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        let mut client =
            ClientConnection::new(Arc::new(config.clone()), "localhost".try_into().unwrap()).unwrap();
        while client.is_handshaking() {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut Cursor::new(&wire)).unwrap();
            server.process_new_packets().unwrap();
            wire.clear();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut Cursor::new(&wire)).unwrap();
            if client.process_new_packets().is_err() {
                return false;
            }
        }
        true
    }

    fn trusted_with(set: impl FnOnce(&mut HttpConfig)) -> ClientConfig {
        let mut config = HttpConfig { additional_ca_env: vec!["INFRAI_TEST_ADDED"], ..HttpConfig::default() };
        set(&mut config);
        client_config(&config).unwrap()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn added_roots_do_not_hide_missing_ones() {
        // On Linux, the platform's verifier reads the process's variable.
        if env::var_os("INFRAI_TEST_NO_ROOTS").is_some() {
            assert!(platform_roots(&Environment::default(), Vec::new()).is_err());
            assert!(
                platform_roots(&Environment::default(), vec![certificate(OTHER)]).is_err(),
                "the bundled ones would be left out"
            );
            return;
        }
        let name = "http::tls::tests::added_roots_do_not_hide_missing_ones";
        let empty = tempfile::NamedTempFile::new().unwrap();
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env("SSL_CERT_FILE", empty.path())
            .env_remove("SSL_CERT_DIR")
            .env("INFRAI_TEST_NO_ROOTS", "1")
            .output()
            .unwrap();
        let output =
            String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success() && output.contains("1 passed"), "{output}");
    }

    #[test]
    fn added_roots_extend_all_but_ca_file() {
        // The test runs itself in a child process, because variables belong to the whole process.
        if env::var_os("INFRAI_TEST_ADDED").is_some() {
            let beside = trusted_with(|_| {});
            assert!(trusts(&beside, ONE) && trusts(&beside, OTHER));
            let alone = trusted_with(|config| {
                Arc::make_mut(&mut config.options).ca_file = env::var_os("SSL_CERT_FILE").map(Into::into);
            });
            assert!(trusts(&alone, ONE) && !trusts(&alone, OTHER));
            let without = trusted_with(|config| config.additional_ca_env.clear());
            assert!(trusts(&without, ONE) && !trusts(&without, OTHER));
            // A realm's variables replace the process's, even unset ones.
            let added = env::var("INFRAI_TEST_ADDED").unwrap();
            let realm = |set: &[(&str, &str)]| {
                let environment = Environment::of(&[&[("INFRAI_TEST_ADDED", "")], set].concat());
                trusted_with(|config| config.environment = environment)
            };
            let bare = realm(&[]);
            assert!(!trusts(&bare, ONE) && !trusts(&bare, OTHER));
            let other = realm(&[("SSL_CERT_FILE", &added)]);
            assert!(!trusts(&other, ONE) && trusts(&other, OTHER));
            let folder = Path::new(&added).with_file_name("folder");
            let folders = env::join_paths([Path::new(&added).with_file_name("none"), folder]).unwrap();
            let folders = realm(&[("SSL_CERT_DIR", folders.to_str().unwrap())]);
            assert!(!trusts(&folders, ONE) && trusts(&folders, OTHER));
            let beside = realm(&[("INFRAI_TEST_ADDED", &added)]);
            assert!(!trusts(&beside, ONE) && trusts(&beside, OTHER));
            // On Linux, the platform's verifier reads the process's variables.
            if cfg!(target_os = "linux") {
                let platform = platform_roots(&Environment::default(), Vec::new()).unwrap();
                assert!(trusts(&platform, ONE) && !trusts(&platform, OTHER));
                let platform = platform_roots(&Environment::default(), vec![certificate(OTHER)]).unwrap();
                assert!(trusts(&platform, ONE) && trusts(&platform, OTHER));
            }
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = [("one.pem", ONE), ("other.pem", OTHER)].map(|(name, (pem, _))| {
            let path = folder.path().join(name);
            fs::write(&path, pem).unwrap();
            path
        });
        fs::create_dir(folder.path().join("folder")).unwrap();
        fs::copy(&other, folder.path().join("folder").join("other.pem")).unwrap();
        let name = "http::tls::tests::added_roots_extend_all_but_ca_file";
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env("SSL_CERT_FILE", one)
            .env_remove("SSL_CERT_DIR")
            .env("INFRAI_TEST_ADDED", other)
            .output()
            .unwrap();
        let output =
            String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success() && output.contains("1 passed"), "{output}");
    }
}
