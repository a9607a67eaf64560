//! Root certificates: the caller's bundle, the platform's store, or Mozilla's bundled roots.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    crypto::ring,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject},
    },
};
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

/// Returns the configuration for https. Its roots are those of `ca_file`, else of all environment variables together, else
/// the platform's, else Mozilla's. Android always uses Mozilla's in place of the platform's. The additional roots of the
/// caller's language apply to all but `ca_file`.
pub(crate) fn client_config(config: &HttpConfig) -> Result<ClientConfig> {
    if let Some(path) = &config.options.ca_file {
        let mut roots = RootCertStore::empty();
        add_roots(&mut roots, pem_file("`ca_file`", path)?);
        return with_roots(roots);
    }
    let environment = &config.environment;
    let added = match first_set_env(environment, &config.additional_ca_env) {
        // As Node.js does: an unusable file is no reason to make no calls at all.
        Some((name, path)) => pem_file(name, Path::new(&path)).unwrap_or_else(|error| {
            tracing::warn!(error = %Escaped(&error), "additional certificate roots are left out");
            Vec::new()
        }),
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
        let loaded = rustls_native_certs::load_certs_from_paths(None, Some(Path::new(folder)));
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

/// Returns the roots and their source, for diagnostics.
pub(crate) fn source(config: &HttpConfig) -> (String, &'static str) {
    if let Some(path) = &config.options.ca_file {
        return (path.display().to_string(), "argument");
    }
    let names = config.ca_bundle_env.iter().copied().chain(environment::CERTIFICATES);
    let names: Vec<_> = names.collect();
    match first_set_env(&config.environment, &names) {
        Some((name, path)) => (path.display().to_string(), name),
        None => ("the platform's".to_owned(), "default"),
    }
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
    // The language's variable counts beside the others, because tools such as conda set SSL_CERT_FILE by themselves.
    let extra = match first_set_env(environment, extra) {
        Some((name, path)) => pem_file(name, Path::new(&path))?,
        None => Vec::new(),
    };
    if file.is_some() || folders.is_some() {
        let folders = folders.unwrap_or_default();
        let folders = env::split_paths(&folders).filter(|folder| !folder.as_os_str().is_empty());
        let mut roots = RootCertStore::empty();
        let mut errors = Vec::new();
        for path in file.map(PathBuf::from).into_iter().chain(folders) {
            match load(&path) {
                Ok(certificates) => drop(add_roots(&mut roots, certificates)),
                Err(error) => errors.push(format!("{}: {error}", path.display())),
            }
        }
        add_roots(&mut roots, extra);
        if roots.is_empty() {
            let reason = errors.first().map(|error| format!(": {error}")).unwrap_or_default();
            return Err(InfraiError::configuration(
                "CONFIGURATION_INVALID",
                format!("SSL_CERT_FILE and SSL_CERT_DIR have no readable certificate{reason}"),
            ));
        }
        return Ok(Some(roots));
    }
    if extra.is_empty() {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    add_roots(&mut roots, extra);
    Ok(Some(roots))
}

/// Reads the certificates of a PEM file, or of all files in a folder.
fn load(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    if path.is_dir() {
        let entries = fs::read_dir(path).map_err(|error| error.to_string())?;
        let files = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
        // A file of another kind is of no account beside certificates.
        return Ok(files.filter_map(|file| load(&file).ok()).flatten().collect());
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    parse_pem(&bytes).map_err(|error| error.to_string())
}

/// Parses PEM text. Also accepts a byte order mark, and OpenSSL's `TRUSTED CERTIFICATE`, which has data after the
/// certificate.
fn parse_pem(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes).replace(" TRUSTED CERTIFICATE-----", " CERTIFICATE-----");
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let first = |der: CertificateDer<'_>| match der_length(&der) {
        Some(length) if length < der.len() => der[..length].to_vec().into(),
        _ => der.into_owned(),
    };
    Ok(certificates.into_iter().map(first).collect())
}

/// Returns the length of the first DER element, with its header.
fn der_length(der: &[u8]) -> Option<usize> {
    let first = usize::from(*der.get(1)?);
    if first < 0x80 {
        return Some(2 + first);
    }
    let bytes = der.get(2..2 + (first & 0x7f)).filter(|bytes| bytes.len() <= 4)?;
    let length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    length.checked_add(2 + bytes.len())
}

/// Reads the root certificates of a PEM file or a folder, at least one.
fn pem_file(setting: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let refuse = |reason: String| {
        InfraiError::configuration(
            "CONFIGURATION_INVALID",
            format!("{setting} ({}) {reason}", path.display()),
        )
        .with_hint(format!(
            "Set {setting} to a PEM file, or a folder of them, with the root certificates to trust."
        ))
    };
    let certificates = load(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let certificates: Vec<_> = certificates
        .into_iter()
        .filter(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok())
        .collect();
    if certificates.is_empty() { Err(refuse("holds no certificate".into())) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use std::{io::Cursor, process::Command};

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

    /// A certificate that is an authority's, self-signed for localhost.
    const AUTHORITY: (&[u8], &[u8]) = (
        include_bytes!("../../tests/certificates/authority.pem"),
        include_bytes!("../../tests/certificates/authority.key"),
    );

    fn certificate((pem, _): (&[u8], &[u8])) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem).unwrap()
    }

    /// Returns whether a client with this configuration trusts a server's certificate, by a handshake in memory.
    fn trusts(config: &ClientConfig, shown: (&[u8], &[u8])) -> bool {
        handshake(config, shown).is_ok()
    }

    fn handshake(config: &ClientConfig, shown: (&[u8], &[u8])) -> Result<(), rustls::Error> {
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
            client.process_new_packets()?;
        }
        Ok(())
    }

    fn trusted_with(set: impl FnOnce(&mut HttpConfig)) -> ClientConfig {
        let mut config = HttpConfig { additional_ca_env: vec!["INFRAI_TEST_ADDED"], ..HttpConfig::default() };
        set(&mut config);
        client_config(&config).unwrap()
    }

    /// Returns a configuration with these variables, of which `BUNDLE` and `ADDED` belong to the language.
    fn within(variables: &[(&'static str, &Path)]) -> Result<ClientConfig> {
        let unset = [("BUNDLE", ""), ("ADDED", "")].into_iter();
        let set = variables.iter().map(|(name, path)| (*name, path.to_str().unwrap()));
        let config = HttpConfig {
            environment: Environment::of(&unset.chain(set).collect::<Vec<_>>()),
            ca_bundle_env: vec!["BUNDLE"],
            additional_ca_env: vec!["ADDED"],
            ..HttpConfig::default()
        };
        client_config(&config)
    }

    #[test]
    fn bundle_of_the_language_counts_beside_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("folder")).unwrap();
        fs::write(path("one.pem"), ONE.0).unwrap();
        fs::write(path("folder/other.pem"), OTHER.0).unwrap();
        let both = within(&[("SSL_CERT_FILE", &path("one.pem")), ("BUNDLE", &path("folder"))]).unwrap();
        assert!(trusts(&both, ONE) && trusts(&both, OTHER));
        let alone = within(&[("BUNDLE", &path("folder"))]).unwrap();
        assert!(!trusts(&alone, ONE) && trusts(&alone, OTHER));
        let error = within(&[("SSL_CERT_FILE", &path("one.pem")), ("BUNDLE", &path("none"))]).unwrap_err();
        assert!(error.message().starts_with("BUNDLE ("), "{error}");
    }

    #[test]
    fn unusable_additional_roots_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("one.pem"), ONE.0).unwrap();
        fs::write(path("empty"), "").unwrap();
        fs::write(path("broken"), "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
        for added in ["none", "empty", "broken"] {
            let config = within(&[("SSL_CERT_FILE", &path("one.pem")), ("ADDED", &path(added))]).unwrap();
            assert!(trusts(&config, ONE) && !trusts(&config, OTHER), "{added}");
        }
    }

    #[test]
    fn authority_as_a_servers_certificate_is_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authority.pem");
        fs::write(&file, AUTHORITY.0).unwrap();
        let config = within(&[("SSL_CERT_FILE", &file)]).unwrap();
        let error = handshake(&config, AUTHORITY).unwrap_err();
        assert!(error.to_string().contains(crate::http::reqwest::CA_AS_SERVER), "{error}");
    }

    #[test]
    fn marks_and_trusted_certificates_are_read() {
        let one = std::str::from_utf8(ONE.0).unwrap();
        let plain = certificate(ONE);
        assert_eq!(parse_pem(format!("\u{feff}{one}").as_bytes()).unwrap(), std::slice::from_ref(&plain));
        // OpenSSL appends the uses that the certificate is trusted for.
        let mut trusted = plain.to_vec();
        trusted.extend([0x30, 0x0c, 0x30, 0x0a, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1]);
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &trusted);
        let text =
            format!("-----BEGIN TRUSTED CERTIFICATE-----\n{text}\n-----END TRUSTED CERTIFICATE-----\n");
        assert_eq!(parse_pem(format!("{text}{one}").as_bytes()).unwrap(), [plain.clone(), plain.clone()]);
        // In a folder, too, where other files do not matter.
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in
            [("marked", format!("\u{feff}{one}")), ("trusted", text), ("README", "text".into())]
        {
            fs::write(folder.path().join(name), text).unwrap();
        }
        fs::write(folder.path().join("broken"), "-----BEGIN CERTIFICATE-----\n!").unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        assert_eq!(load(folder.path()).unwrap(), [plain.clone(), plain]);
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
