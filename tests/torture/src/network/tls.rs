//! Certificates that must be refused, and the few that must be trusted.

use std::{error::Error, io, path::PathBuf, sync::Arc, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::{
    child::{Spec, Told},
    server::Api,
};
use crate::{
    report::{Checks, Report},
    wire::{Chaos, Fault, Stage},
};

type Anything<T> = Result<T, Box<dyn Error + Send + Sync>>;
type Authority = CertifiedIssuer<'static, KeyPair>;

/// Both versions that there are.
pub(super) const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
const NEW: &[&SupportedProtocolVersion] = &[&TLS13];
const OLD: &[&SupportedProtocolVersion] = &[&TLS12];

/// An authority of this run's own.
fn authority(name: &str) -> Anything<Authority> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// What a server shows.
pub(super) struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

fn params(names: &[&str]) -> Anything<CertificateParams> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn signed(params: &CertificateParams, by: &Authority) -> Anything<Shown> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, by)?;
    Ok(Shown { chain: vec![certificate.der().clone()], key: key.into() })
}

impl Shown {
    pub(super) fn acceptor(&self, versions: &[&'static SupportedProtocolVersion]) -> Anything<TlsAcceptor> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())?;
        Ok(Arc::new(config).into())
    }
}

/// An authority, a certificate of it for `names`, and the file that names the authority.
pub(super) fn trusted(names: &[&str], folder: &std::path::Path) -> Anything<(Shown, PathBuf)> {
    let authority = authority("the authority of this run")?;
    let path = folder.join("authority.pem");
    std::fs::write(&path, authority.as_ref().pem())?;
    Ok((signed(&params(names)?, &authority)?, path))
}

/// How a client is told whom to trust.
#[derive(Clone, Copy)]
enum Trust {
    /// By `ca_file`.
    File,
    /// By this variable.
    Variable(&'static str),
    /// Not at all: what the machine trusts.
    Machine,
}

struct Case {
    name: &'static str,
    shown: Shown,
    versions: &'static [&'static SupportedProtocolVersion],
    trust: Trust,
    accepted: bool,
    /// What the error says.
    says: &'static str,
    /// The version agreed on.
    version: &'static str,
}

fn cases(good: &Authority) -> Anything<Vec<Case>> {
    let here = ["localhost", "127.0.0.1"];
    let at = |from: i32, to: i32| -> Anything<Shown> {
        let mut params = params(&here)?;
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        signed(&params, good)
    };
    let own_key = KeyPair::generate()?;
    let own = params(&here)?.self_signed(&own_key)?;
    let own = Shown { chain: vec![own.der().clone()], key: own_key.into() };
    let unknown = authority("an authority that nobody knows")?;
    let mut client_only = params(&here)?;
    client_only.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let signed_here = || signed(&params(&here)?, good);
    let refused = |name, shown, trust, says| Case {
        name,
        shown,
        versions: BOTH,
        trust,
        accepted: false,
        says,
        version: "",
    };
    let accepted = |name, versions, trust, version| -> Anything<Case> {
        Ok(Case { name, shown: signed_here()?, versions, trust, accepted: true, says: "", version })
    };
    Ok(vec![
        refused("expired", at(2001, 2002)?, Trust::File, "expired"),
        refused("not yet valid", at(2120, 2130)?, Trust::File, "not valid yet"),
        refused(
            "for another host",
            signed(&params(&["api.example.test"])?, good)?,
            Trust::File,
            "not valid for name",
        ),
        refused("self-signed", own, Trust::File, "UnknownIssuer"),
        refused("of an unknown authority", signed(&params(&here)?, &unknown)?, Trust::File, "UnknownIssuer"),
        refused("not for servers", signed(&client_only, good)?, Trust::File, ""),
        refused("of an authority that the machine does not know", signed_here()?, Trust::Machine, ""),
        accepted("TLS 1.3 alone", NEW, Trust::File, "TLSv1_3")?,
        accepted("TLS 1.2 alone", OLD, Trust::File, "TLSv1_2")?,
        accepted("authority in `ca_file`", BOTH, Trust::File, "TLSv1_3")?,
        accepted("authority in `SSL_CERT_FILE`", BOTH, Trust::Variable("SSL_CERT_FILE"), "TLSv1_3")?,
        accepted("authority in `SSL_CERT_DIR`", BOTH, Trust::Variable("SSL_CERT_DIR"), "TLSv1_3")?,
        accepted(
            "authority in Node.js's `NODE_EXTRA_CA_CERTS`",
            BOTH,
            Trust::Variable("NODE_EXTRA_CA_CERTS"),
            "TLSv1_3",
        )?,
    ])
}

pub(super) async fn run(checks: &Checks, report: &mut Report) -> Anything<()> {
    let folder = tempfile::tempdir()?;
    let good = authority("the authority of this run")?;
    let path = folder.path().join("authority.pem");
    std::fs::write(&path, good.as_ref().pem())?;
    let mut rows = Vec::new();
    for case in cases(&good)? {
        let api = Api::tls(case.shown.acceptor(case.versions)?).await?;
        let mut spec = Spec {
            base_url: format!("https://localhost:{}", api.addr.port()),
            generate: true,
            ..Spec::default()
        };
        let told = match case.trust {
            Trust::File => {
                spec.ca_file = Some(path.clone());
                spec.call().await
            }
            Trust::Variable(name) => {
                spec.added = true;
                let place = if name.ends_with("DIR") { folder.path() } else { &path };
                spec.call_with(&[(name, place.display().to_string())]).await?
            }
            Trust::Machine => spec.call_with(&[]).await?,
        };
        let name = case.name;
        if case.accepted {
            checks
                .check(told.is_ok(), || format!("{name}: {} instead of a job: {}", told.short(), told.text));
            let versions = api.handshakes().1;
            checks.equal(format!("{name}: the version agreed on"), &versions, &vec![case.version.to_owned()]);
        } else {
            judge_refusal(name, &told, case.says, checks);
            checks.equal(format!("{name}: requests that reached the server"), &api.requests(), &0);
        }
        rows.push(vec![name.to_owned(), told.short(), api.requests().to_string()]);
    }
    rows.push(old_version(&path, checks).await?);
    rows.extend(handshakes(&good, &path, checks).await?);
    report.text(
        "### TLS\n\nCertificates are made for the run. The last column: requests that reached the server. TLS 1.1 and older cannot be \
         had from rustls at all: what is tested is that they are not offered and not accepted. Revocation is not part of it: it is what the \
         platform's verifier checks (see [decisions/0006-tls.md](decisions/0006-tls.md)).",
    );
    report.table(&["certificate or handshake", "outcome", "requests"], rows);
    Ok(())
}

/// A refusal is a connection that did not come about: asked for once, said with its reason and its remedy, nothing sent.
fn judge_refusal(name: &str, told: &Told, says: &str, checks: &Checks) {
    let as_it_should =
        told.kind == "connection" && told.attempts == 1 && !told.retryable && !told.may_have_been_processed;
    checks.check(as_it_should, || format!("{name}: {}", told.short()));
    checks.check(told.text.contains(says) && told.text.contains("ca_file"), || {
        format!("{name}: it says {}", told.text)
    });
}

/// A server that answers with TLS 1.1.
async fn old_version(ca_file: &std::path::Path, checks: &Checks) -> Anything<Vec<String>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let spec = Spec {
        base_url: format!("https://localhost:{}", listener.local_addr()?.port()),
        ca_file: Some(ca_file.to_owned()),
        ..Spec::default()
    };
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut head = [0; 5];
        stream.read_exact(&mut head).await?;
        let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut hello).await?;
        // ServerHello: version 1.1, 32 random bytes, no session, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, no compression.
        let mut answer = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
        answer.extend([7; 32]);
        answer.extend([0, 0xc0, 0x13, 0]);
        stream.write_all(&answer).await?;
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut rest)).await;
        io::Result::Ok(hello)
    });
    let told = spec.call().await;
    let hello = server.await??;
    let name = "a server that has TLS 1.1 alone";
    checks.check(!told.is_ok() && told.kind == "connection" && told.attempts == 1, || {
        format!("{name}: {}", told.short())
    });
    // The extension `supported_versions`: how long it is, how long its list is, and versions.
    let offered = hello.windows(4).position(|bytes| bytes[..2] == [0, 43] && bytes[2] == 0).map(|at| {
        let length = usize::from(hello[at + 4]);
        let list = hello.get(at + 5..at + 5 + length).unwrap_or_default();
        let mut versions: Vec<_> = list.chunks(2).map(|version| (version[0], version[1])).collect();
        versions.sort_unstable();
        versions
    });
    checks.equal("the versions offered", &offered, &Some(vec![(3, 3), (3, 4)]));
    Ok(vec![name.to_owned(), told.short(), "0".to_owned()])
}

/// Faults within a handshake: nothing of a request has left, and the error says so.
async fn handshakes(
    good: &Authority,
    ca_file: &std::path::Path,
    checks: &Checks,
) -> Anything<Vec<Vec<String>>> {
    let api = Api::tls(signed(&params(&["localhost"])?, good)?.acceptor(BOTH)?).await?;
    let mut rows = Vec::new();
    for fault in Fault::ALL {
        for always in [false, true] {
            let chaos = Chaos::start(api.addr, move |connection| {
                (always || connection == 0).then_some((Stage::InHandshake, fault))
            })?;
            let silent = fault == Fault::Silence;
            let spec = Spec {
                base_url: format!("https://localhost:{}", chaos.addr.port()),
                ca_file: Some(ca_file.to_owned()),
                generate: true,
                connect_timeout_ms: silent.then_some(5000),
                ..Spec::default()
            };
            let before = api.requests();
            let told = spec.call().await;
            let name = format!(
                "{} within the handshake{}",
                fault.name(),
                if always { ", always" } else { ", once" }
            );
            let works = !always || !fault.is_hard();
            let right = if works {
                told.is_ok()
            } else {
                told.kind == "connection" && told.attempts == 3 && !told.may_have_been_processed
            };
            checks.check(right, || format!("{name}: {} {}", told.short(), told.text));
            let requests = api.requests() - before;
            checks.equal(format!("{name}: requests"), &requests, &u64::from(works));
            rows.push(vec![name, told.short(), requests.to_string()]);
        }
    }
    Ok(rows)
}
