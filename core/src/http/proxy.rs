//! Proxies per origin: the client's option, the environment variables, or the system's settings.

use std::{net::IpAddr, sync::Arc};

use reqwest::{ClientBuilder, Proxy};
use url::{Host, Url};

use super::config::HttpConfig;
use crate::{
    environment::{self, Environment},
    error::{InfraiError, Result},
    options::ProxyUrl,
    wire::path,
};

/// The proxies of a client.
pub(super) struct Proxies {
    http: Option<Named>,
    https: Option<Named>,
    bypass: Bypass,
    /// Variable of `bypass`, if it is set.
    bypass_source: Option<&'static str>,
    /// No variable sets a proxy, so reqwest uses the settings of macOS or Windows.
    system: bool,
}

/// A proxy, and the setting that names it.
#[derive(Clone)]
struct Named {
    source: &'static str,
    /// An error if the variable is not a proxy's URL. Only requests through this proxy fail.
    proxy: Result<ProxyUrl>,
}

/// Route to a URL.
pub(super) enum Route<'a> {
    Direct,
    Proxy(&'a ProxyUrl),
    /// macOS or Windows decides.
    System,
}

impl Route<'_> {
    /// Returns whether the connection to the proxy itself may need TLS.
    pub(super) fn uses_tls(&self) -> bool {
        match self {
            Self::Direct => false,
            Self::Proxy(proxy) => proxy.url().scheme() == "https",
            Self::System => true,
        }
    }

    /// Returns whether a proxy receives the request itself, so that a 407 is the proxy's.
    pub(super) fn is_forward(&self, url: &Url) -> bool {
        url.scheme() == "http" && !matches!(self, Self::Direct)
    }

    /// Returns whether TLS to the host goes through a proxy.
    pub(super) fn is_tunnel(&self, url: &Url) -> bool {
        url.scheme() == "https" && matches!(self, Self::Proxy(_))
    }
}

impl Proxies {
    /// Reads the client's `proxy` option, else the environment variables.
    pub(super) fn new(config: &HttpConfig) -> Self {
        if let Some(proxy) = &config.options.proxy {
            let named = Some(Named { source: "argument", proxy: Ok(proxy.clone()) });
            return Self {
                http: named.clone(),
                https: named,
                bypass: Bypass::default(),
                bypass_source: None,
                system: false,
            };
        }
        Self::from_environment(&config.environment)
    }

    fn from_environment(environment: &Environment) -> Self {
        let with_hint = |error: InfraiError| {
            error.with_hint("Set it to the URL of an http or https proxy, or add the host to NO_PROXY.")
        };
        // In a CGI program HTTP_PROXY is the request's `Proxy` header. Windows ignores the case of the names.
        let cgi = environment.var_os("REQUEST_METHOD").is_some();
        let forged = |name: &str| cgi && (name == "HTTP_PROXY" || cfg!(windows) && name == "http_proxy");
        // In curl, requests and Node.js the lower-case spelling takes precedence.
        let first = |names: [&'static str; 2]| {
            names
                .into_iter()
                .filter(|name| !forged(name))
                .find_map(|name| Some((name, environment.var(name)?)))
        };
        let proxy = |names| {
            first(names).map(|(source, value)| Named {
                source,
                proxy: ProxyUrl::parse(source, &value).map_err(with_hint),
            })
        };
        let all = proxy(["all_proxy", "ALL_PROXY"]);
        let http = proxy(["http_proxy", "HTTP_PROXY"]).or_else(|| all.clone());
        let https = proxy(["https_proxy", "HTTPS_PROXY"]).or(all);
        let bypass = first(["no_proxy", "NO_PROXY"]);
        let bypass_source = bypass.as_ref().map(|(name, _)| *name);
        let bypass = bypass.map(|(_, list)| Bypass::parse(&list)).unwrap_or_default();
        // reqwest reads the process's variables before the system's settings.
        let system = cfg!(any(target_os = "macos", windows))
            && !cgi
            && http.is_none()
            && https.is_none()
            && environment.agrees_with_process(&environment::PROXY);
        Self { http, https, bypass, bypass_source, system }
    }

    fn proxy_of(&self, url: &Url) -> Option<&Named> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !self.bypass.contains(url))
    }

    /// Returns the route to a URL.
    ///
    /// # Errors
    /// `CONFIGURATION_INVALID` if the applicable variable is not the URL of an http or https proxy.
    pub(super) fn route(&self, url: &Url) -> Result<Route<'_>> {
        Ok(match self.proxy_of(url) {
            _ if self.system => Route::System,
            Some(Named { proxy: Ok(proxy), .. }) => Route::Proxy(proxy),
            Some(Named { proxy: Err(error), .. }) => return Err(error.clone()),
            None => Route::Direct,
        })
    }

    /// Configures a reqwest client with the same routes.
    pub(super) fn apply(proxies: &Arc<Self>, builder: ClientBuilder) -> ClientBuilder {
        if proxies.system {
            return builder;
        }
        let proxies = Arc::clone(proxies);
        // A custom proxy also prevents reqwest from reading the environment.
        builder
            .proxy(Proxy::custom(move |url| Some(proxies.proxy_of(url)?.proxy.as_ref().ok()?.url().clone())))
    }
}

/// Proxy settings that apply to a URL, for diagnostics.
pub(crate) struct ProxyReport {
    /// The proxy and its source. `None` if connections are direct, or the system decides.
    pub(crate) proxy: Result<Option<(Url, &'static str)>>,
    /// Whether `NO_PROXY` holds for the URL, and its source. `None` if it is not set.
    pub(crate) no_proxy: Option<(bool, &'static str)>,
}

/// Returns the proxy settings that apply to a URL.
pub(crate) fn describe(config: &HttpConfig, url: &Url) -> ProxyReport {
    let proxies = Proxies::new(config);
    let named = proxies.proxy_of(url).filter(|_| !path::is_loopback(url)).cloned();
    ProxyReport {
        proxy: named.map(|Named { source, proxy }| Ok((proxy?.url().clone(), source))).transpose(),
        no_proxy: proxies.bypass_source.map(|source| (proxies.bypass.contains(url), source)),
    }
}

/// Hosts of `NO_PROXY`, in curl's syntax: entries separated by commas or spaces, `*` for every host.
#[derive(Clone, Default)]
struct Bypass(Vec<Entry>);

#[derive(Clone)]
enum Entry {
    Everything,
    /// A host and its subdomains, in lower case.
    Domain(String, Option<u16>),
    Network(IpAddr, u8, Option<u16>),
}

impl Bypass {
    fn parse(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        Self(entries.map(Entry::parse).collect())
    }

    fn contains(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        let port_matches = |required: &Option<u16>| required.is_none() || *required == port;
        match url.host() {
            None => false,
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                self.0.iter().any(|entry| match entry {
                    Entry::Everything => true,
                    Entry::Domain(domain, port) => {
                        let prefix = name.strip_suffix(domain.as_str());
                        port_matches(port)
                            && prefix.is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'))
                    }
                    Entry::Network(..) => false,
                })
            }
            Some(Host::Ipv4(address)) => self.contains_address(address.into(), port_matches),
            Some(Host::Ipv6(address)) => self.contains_address(address.into(), port_matches),
        }
    }

    fn contains_address(&self, address: IpAddr, port_matches: impl Fn(&Option<u16>) -> bool) -> bool {
        self.0.iter().any(|entry| match entry {
            Entry::Everything => true,
            Entry::Network(network, bits, port) => {
                port_matches(port) && same_network(*network, address, *bits)
            }
            Entry::Domain(..) => false,
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Self {
        if text == "*" {
            return Self::Everything;
        }
        if let Some((network, bits)) = text.split_once('/')
            && let (Ok(network), Ok(bits)) = (address(network), bits.parse())
        {
            return Self::Network(network, bits, None);
        }
        let host_network = |address: IpAddr, port| Self::Network(address, 128, port);
        if let Ok(address) = address(text) {
            return host_network(address, None);
        }
        let (host, port) = match text.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
            Some((host, Ok(port))) => (host, Some(port)),
            _ => (text, None),
        };
        if let Ok(address) = address(host) {
            return host_network(address, port);
        }
        let domain = host.strip_prefix('*').unwrap_or(host).trim_matches('.');
        Self::Domain(domain.to_ascii_lowercase(), port)
    }
}

fn address(text: &str) -> Result<IpAddr, std::net::AddrParseError> {
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).parse()
}

/// Returns whether two addresses of one family have the same first bits. A number of bits beyond the address's length
/// means all of them.
fn same_network(network: IpAddr, address: IpAddr, bits: u8) -> bool {
    let (network, address, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (network.to_bits().into(), address.to_bits().into(), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let differing: u128 = network ^ address;
    differing.checked_shr(width - u32::from(bits).min(width)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InfraiClient;

    fn with_variables(variables: &[(&str, &str)]) -> Proxies {
        Proxies::from_environment(&Environment::of(variables))
    }

    fn proxy_host(proxies: &Proxies, url: &str) -> Option<String> {
        match proxies.route(&Url::parse(url).unwrap()).unwrap() {
            Route::Proxy(proxy) => Some(proxy.url().host_str().unwrap().to_owned()),
            _ => None,
        }
    }

    fn with_option(proxy: &str) -> Result<Proxies> {
        Ok(Proxies::new(InfraiClient::builder().proxy(proxy).build()?.http().config()))
    }

    #[test]
    fn each_scheme_has_its_variable() {
        let proxies =
            with_variables(&[("HTTPS_PROXY", "http://one:1"), ("all_proxy", "two:2"), ("http_proxy", "")]);
        assert_eq!(proxy_host(&proxies, "https://api.example/"), Some("one".into()));
        assert_eq!(proxy_host(&proxies, "http://api.example/"), Some("two".into()));
        let cgi = with_variables(&[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://evil")]);
        assert_eq!(proxy_host(&cgi, "http://api.example/"), None);
        let cgi = with_variables(&[("REQUEST_METHOD", "GET"), ("HTTPS_PROXY", "http://one")]);
        assert_eq!(proxy_host(&cgi, "https://api.example/"), Some("one".into()));
        let no_cgi = with_variables(&[("REQUEST_METHOD", ""), ("HTTP_PROXY", "http://one")]);
        assert_eq!(proxy_host(&no_cgi, "http://api.example/"), Some("one".into()));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let url = "https://api.example/";
        for (empty, set) in [
            ("HTTPS_PROXY", "https_proxy"),
            ("https_proxy", "HTTPS_PROXY"),
            ("HTTPS_PROXY", "ALL_PROXY"),
            ("https_proxy", "all_proxy"),
            ("all_proxy", "ALL_PROXY"),
            ("ALL_PROXY", "all_proxy"),
            ("no_proxy", "ALL_PROXY"),
            ("NO_PROXY", "ALL_PROXY"),
        ] {
            let proxies = with_variables(&[(empty, ""), (set, "http://one")]);
            assert_eq!(proxy_host(&proxies, url), Some("one".into()), "{empty} {set}");
        }
        for (empty, set) in [("no_proxy", "NO_PROXY"), ("NO_PROXY", "no_proxy")] {
            let proxies = with_variables(&[("ALL_PROXY", "http://one"), (empty, ""), (set, "api.example")]);
            assert_eq!(proxy_host(&proxies, url), None, "{empty} {set}");
        }
    }

    #[test]
    fn a_realm_has_its_own_proxies() {
        // The test's process does not have these variables or has other values.
        let url = "https://api.example/";
        assert_eq!(proxy_host(&with_variables(&[("https_proxy", "http://one:1")]), url), Some("one".into()));
        // The lower-case one counts, as in curl, requests and Node.js.
        let both = [("https_proxy", "http://one:1"), ("HTTPS_PROXY", "http://two:2")];
        assert_eq!(proxy_host(&with_variables(&both), url), Some("one".into()));
        assert!(
            !with_variables(&both).system,
            "the system's settings apply to the process's environment only"
        );
        let config = HttpConfig { environment: Environment::of(&both), ..HttpConfig::default() };
        assert_eq!(proxy_host(&Proxies::new(&config), url), Some("one".into()));
    }

    #[test]
    fn an_unused_invalid_variable_is_no_error() {
        let proxies = with_variables(&[
            ("ALL_PROXY", "socks5://one"),
            ("HTTPS_PROXY", "http://two"),
            ("NO_PROXY", "near.example"),
        ]);
        assert_eq!(proxy_host(&proxies, "https://api.example/"), Some("two".into()));
        assert_eq!(proxy_host(&proxies, "http://near.example/"), None);
        let refused = proxies.route(&Url::parse("http://api.example/").unwrap()).err().unwrap();
        assert!(
            refused.to_string().contains("ALL_PROXY") && refused.to_string().contains("socks5"),
            "{refused}"
        );
    }

    #[test]
    fn no_proxy_is_read_as_curl_reads_it() {
        let cases = [
            ("*", "https://10.0.0.1/", true),
            ("*", "https://api.example/", true),
            ("api.example", "https://api.example/", true),
            ("API.example.", "https://v1.api.Example/", true),
            (".api.example", "https://api.example./", true),
            ("*.api.example", "https://v1.api.example/", true),
            ("pi.example", "https://api.example/", false),
            ("other, api.example", "https://api.example/", true),
            ("other api.example", "https://api.example/", true),
            ("other\tapi.example ,, last", "https://api.example/", true),
            ("..api.example..", "https://api.example/", true),
            (".api.example.:443", "https://v1.api.example/", true),
            (".,:443, ", "https://api.example/", false),
            ("other, *", "http://[fd00::1]:8080/", true),
            ("api.example:443", "https://api.example/", true),
            ("api.example:8443", "https://api.example/", false),
            ("10.0.0.0/8", "http://10.1.2.3/", true),
            ("10.0.0.0/8", "http://11.1.2.3/", false),
            ("10.0.0.1", "http://10.0.0.1:8080/", true),
            ("10.0.0.1:80", "http://10.0.0.1:8080/", false),
            ("[fd00::1]", "http://[fd00::1]/", true),
            ("[fd00::1]:80", "http://[fd00::1]/", true),
            ("fd00::/8", "http://[fd12::1]/", true),
            ("0.0.0.0/0", "http://[fd12::1]/", false),
            ("0.0.0.0/0", "http://1.2.3.4/", true),
        ];
        for (list, url, direct) in cases {
            let proxies = with_variables(&[("ALL_PROXY", "http://proxy"), ("NO_PROXY", list)]);
            assert_eq!(proxy_host(&proxies, url).is_none(), direct, "{list} {url}");
        }
    }

    #[test]
    fn a_password_ends_at_the_last_at_sign() {
        let texts = ["http://user:p@ss^@proxy.example:3128", "user:p@ss^@proxy.example:3128\n"];
        let proxies = texts.map(|text| [with_option(text).unwrap(), with_variables(&[("HTTP_PROXY", text)])]);
        for (proxies, url) in
            proxies.iter().zip(texts).flat_map(|(two, url)| two.iter().map(move |one| (one, url)))
        {
            let Ok(Route::Proxy(proxy)) = proxies.route(&Url::parse("http://api.example/").unwrap()) else {
                panic!("{url}");
            };
            assert_eq!(
                (proxy.url().password(), proxy.url().host_str()),
                (Some("p%40ss%5E"), Some("proxy.example")),
                "{url}"
            );
        }
    }

    #[test]
    fn route_knows_tls_of_proxy_and_host() {
        for (proxy, tls) in
            [("HTTPS://proxy.example", true), ("http://proxy.example", false), ("proxy.example", false)]
        {
            let plain = Url::parse("http://api.example/").unwrap();
            let proxies = with_option(proxy).unwrap();
            let route = proxies.route(&plain).unwrap();
            assert_eq!((route.uses_tls(), route.is_forward(&plain)), (tls, true), "{proxy}");
            let secure = Url::parse("https://api.example/").unwrap();
            assert!(route.is_tunnel(&secure) && !route.is_forward(&secure));
        }
    }

    #[test]
    fn an_unusable_proxy_is_refused_by_name() {
        for wrong in [
            "socks5://user:hush@host:1",
            "ftp://hush@host",
            "http://",
            "/hush",
            "hush hush",
            "\"hush\"",
            "http//hush",
            "'http://hush'",
            "hush\\user:password@host",
            "http://user:hush\n@host",
            "http://user:1/hush@host:3128",
            "http://user:#hush@host:3128",
            "http://ho st:hush",
            "http://user:h\u{fffd}hush@host",
            "https:/hush:3128",
            "http://host:3128:hush",
            "\u{201c}http://hush\u{201d}",
        ] {
            let of_client = with_option(wrong).err();
            let url = Url::parse("https://api.example/").unwrap();
            let of_variable = with_variables(&[("HTTPS_PROXY", wrong)]).route(&url).err();
            for (error, setting) in [(of_client, "proxy"), (of_variable, "HTTPS_PROXY")] {
                let error = error.unwrap_or_else(|| panic!("{setting} accepts {wrong}"));
                assert_eq!(error.code(), "CONFIGURATION_INVALID", "{wrong}");
                let shown = format!("{error} {error:?}");
                assert!(shown.contains(setting) && !shown.contains("hush"), "{shown}");
            }
        }
    }
}
