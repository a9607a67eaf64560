//! Attacks: other hosts, other paths, endless requests, unread responses.

use std::{net::SocketAddr, time::Duration};

use infrai_sandbox::Sandbox;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::client::{PATIENCE, Reply, exchange, fresh, path_of, request, start};

/// Returns the response to raw bytes.
async fn raw(addr: SocketAddr, bytes: &str) -> Reply {
    exchange(addr, bytes.as_bytes()).await.expect("a connection").expect("an answer")
}

#[tokio::test]
async fn it_listens_on_this_machine_alone_unless_it_is_told_otherwise() {
    let (sandbox, _) = fresh().await;
    assert!(sandbox.addr().ip().is_loopback());
}

#[tokio::test]
async fn a_host_in_another_spelling_is_refused_wherever_it_stands() {
    let (_sandbox, api) = start(Sandbox::builder().allow_host("dev.example:80")).await;
    for host in [
        "localhost.",
        "localhost.:80",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[::]",
        "::1",
        "localhost:",
        "localhost:+80",
        "localhost:65536",
        "localhost@evil.example",
        "evil.example:80@localhost",
        "localhost, evil.example",
        "%6c%6f%63%61%6c%68%6f%73%74",
        "dev.example",
        "dev.example.:80",
        "dev.example:81",
        "x.dev.example:80",
    ] {
        for path in ["/healthz", "/sandbox/requests", "/"] {
            let headers = [("Host", host), ("Accept", "text/html")];
            let reply = request(api.addr, "GET", path, &headers, b"").await.expect("a connection");
            reply.expect("an answer").error(421, "HOST_NOT_ALLOWED");
        }
    }
    // A request line may name the host too, and then it is that one.
    for (line, status) in
        [("http://evil.example/healthz", 421), ("http://dev.example:80/sandbox/requests", 403)]
    {
        let bytes = format!("GET {line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert_eq!(raw(api.addr, &bytes).await.status, status, "{line}");
    }
    let old = raw(api.addr, "GET /healthz HTTP/1.0\r\n\r\n").await;
    old.error(400, "INVALID_REQUEST");
}

#[tokio::test]
async fn the_admin_door_has_no_side_entrance() {
    let (_sandbox, api) = fresh().await;
    for path in [
        "/%73andbox/requests",
        "/sandbox%2frequests",
        "//sandbox/requests",
        "/./sandbox/requests",
        "/v1/../sandbox/requests",
        "/v1/%2e%2e/sandbox/requests",
        "/SANDBOX/requests",
        "/sandbox\\requests",
        "/sandbox;x/requests",
        "/sandbox/requests/",
        "/sandbox/page/../requests",
    ] {
        let foreign = [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")];
        let reply = request(api.addr, "GET", path, &foreign, b"").await.expect("a connection");
        let status = reply.expect("an answer").status;
        assert!(matches!(status, 400 | 403 | 404), "{path}: {status}");
    }
    for line in ["OPTIONS * HTTP/1.1", "CONNECT localhost:80 HTTP/1.1", "GET /sandbox/requests?x HTTP/1.1"] {
        let bytes = format!("{line}\r\nHost: localhost\r\nOrigin: null\r\nConnection: close\r\n\r\n");
        let status = raw(api.addr, &bytes).await.status;
        assert!((400..500).contains(&status), "{line}: {status}");
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_files() {
    let (sandbox, api) = fresh().await;
    let id = api.quick("sandbox/default").await;
    let job = api.ended(&id).await;
    let good = path_of(&job["video_url"], api.addr);
    let token = good.split('/').nth(2).expect("a token");
    let database = std::fs::read(sandbox.data_dir().join("sandbox.db")).expect("the database is there");
    assert!(!database.is_empty());
    for prefix in ["", "/sandbox/page"] {
        for rest in [
            "../sandbox.db".to_owned(),
            "..%2fsandbox.db".to_owned(),
            "..%5csandbox.db".to_owned(),
            "%2e%2e/sandbox.db".to_owned(),
            "%252e%252e%252fsandbox.db".to_owned(),
            "..%c0%afsandbox.db".to_owned(),
            format!("{token}/../../sandbox.db"),
            format!("{token}/..%2f..%2fsandbox.db"),
            format!("{token}/%2e%2e%2f%2e%2e%2fsandbox.db"),
            format!("{token}%2f..%2f..%2fsandbox.db/video.mp4"),
            format!("{token}%00/video.mp4"),
            format!("{token}/video.mp4%00.jpg"),
            format!("{token}/video.mp4/"),
            format!("{id}/video.mp4"),
            "..%2f..%2f..%2fetc%2fpasswd/video.mp4".to_owned(),
        ] {
            let path = format!("{prefix}/files/{rest}");
            let reply = request(api.addr, "GET", &path, &[], b"").await.expect("a connection");
            let reply = reply.expect("an answer");
            assert!(matches!(reply.status, 400 | 404), "{path}: {}", reply.status);
            assert!(!reply.body.starts_with(b"SQLite"), "{path}");
        }
    }
}

#[tokio::test]
async fn the_address_of_a_file_cannot_be_guessed_nor_changed() {
    let (_sandbox, api) = fresh().await;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let id = api.quick("sandbox/default").await;
        let job = api.ended(&id).await;
        let path = path_of(&job["video_url"], api.addr).to_owned();
        tokens.push(path.split('/').nth(2).expect("a token").to_owned());
    }
    let parts: Vec<Vec<&str>> = tokens.iter().map(|token| token.split('-').collect()).collect();
    for part in &parts {
        // 62 characters to choose from, 32 times, and 128 bits of signature.
        assert_eq!((part.len(), part[0].len(), part[2].len()), (3, 32, 32));
    }
    assert!(parts[0][0] != parts[1][0] && parts[0][2] != parts[1][2]);
    let first = &tokens[0];
    let swapped = format!("{}-{}-{}", parts[0][0], parts[0][1], parts[1][2]);
    let mut wrong = vec![swapped, first.to_uppercase(), format!("{}-{}-", parts[0][0], parts[0][1])];
    for at in [0, 10, first.len() - 1] {
        let other = if first.as_bytes()[at] == b'a' { "b" } else { "a" };
        wrong.push(format!("{}{other}{}", &first[..at], &first[at + 1..]));
    }
    for token in wrong {
        let reply = request(api.addr, "GET", &format!("/files/{token}/video.mp4"), &[], b"").await;
        reply.expect("a connection").expect("an answer").error(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn a_head_has_an_end() {
    let (_sandbox, api) = fresh().await;
    let long = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(300_000));
    let many = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(200));
    let path = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(300_000));
    for head in [long, many, path] {
        // It may close before the whole head is written, and then the answer is lost: an end either way.
        let reply = exchange(api.addr, head.as_bytes()).await;
        let status = reply.ok().flatten().map_or(431, |reply| reply.status);
        assert!(matches!(status, 414 | 431), "{status}");
    }
    for nonsense in ["\r\n\r\n\r\n\0\0\0\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"] {
        let _ = exchange(api.addr, nonsense.as_bytes()).await;
    }
    api.get("/healthz").await.data();
}

/// Sends `start`, then one byte at a time, each within the timeout, and returns the response.
async fn drip(addr: SocketAddr, start: &str, byte: u8) -> Vec<u8> {
    let stream = TcpStream::connect(addr).await.expect("a connection");
    let (mut reading, mut writing) = stream.into_split();
    writing.write_all(start.as_bytes()).await.expect("written");
    let writer = tokio::spawn(async move {
        while writing.write_all(&[byte]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, reading.read_to_end(&mut answer)).await.expect("the server closes");
    timeout(PATIENCE, writer).await.expect("nothing more is taken").expect("no panic");
    answer
}

#[tokio::test]
async fn a_head_byte_by_byte_is_cut_off_all_the_same() {
    let (_sandbox, api) = start(Sandbox::builder().header_timeout(Duration::from_millis(300))).await;
    let answer = drip(api.addr, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ", b'x').await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_more_is_closed() {
    let (_sandbox, api) = start(Sandbox::builder().header_timeout(Duration::from_millis(300))).await;
    let mut stream = TcpStream::connect(api.addr).await.expect("a connection");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("written");
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server closes");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_body_byte_by_byte_is_cut_off_all_the_same() {
    let (_sandbox, api) = start(Sandbox::builder().body_timeout(Duration::from_millis(300))).await;
    let head = "POST /v1/activate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n";
    let answer = drip(api.addr, head, b' ').await;
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_client_that_stops_reading_gives_its_place_back() {
    const ASKED: usize = 400;
    let builder = Sandbox::builder().max_connections(1).send_timeout(Duration::from_millis(300));
    let (_sandbox, api) = start(builder).await;
    let id = api.quick("sandbox/default").await;
    let job = api.ended(&id).await;
    let path = path_of(&job["video_url"], api.addr);
    let length = api.get(path).await.body.len();
    // More than any buffer on the way holds.
    assert!(length * ASKED > 16 * 1024 * 1024, "{length}");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stuck = socket.connect(api.addr).await.expect("a connection");
    let ask = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stuck.write_all(ask.repeat(ASKED).as_bytes()).await.expect("written");
    // There is one place, and it is taken until the server has had enough.
    api.get("/healthz").await.data();
    let mut read = Vec::new();
    let _ = timeout(PATIENCE, stuck.read_to_end(&mut read)).await.expect("an end");
    assert!(read.len() < length * ASKED, "it was not served to the end");
}
