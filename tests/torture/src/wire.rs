//! A network that breaks: carries connections to a server, and strikes at a given stage of the first exchange.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};

/// Where in an exchange it strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// The first byte is on its way; nothing of the request has been taken.
    BeforeHead,
    /// Half of the request's head has passed.
    InHead,
    /// The whole head has passed, nothing of the body.
    AfterHead,
    /// Half of the body has passed.
    InBody,
    /// The whole request has passed, and nothing of the answer has come back.
    AfterBody,
    /// Half of the answer's head has come back.
    InAnswerHead,
    /// The answer's head has come back, and nothing of its body.
    AfterAnswerHead,
    /// Half of the answer's body has come back.
    InAnswerBody,
    /// The whole answer has come back.
    AfterAnswer,
    /// The first bytes of a TLS handshake have been taken.
    InHandshake,
}

impl Stage {
    /// Those of a plain exchange, in their order.
    pub(crate) const ALL: [Self; 9] = [
        Self::BeforeHead,
        Self::InHead,
        Self::AfterHead,
        Self::InBody,
        Self::AfterBody,
        Self::InAnswerHead,
        Self::AfterAnswerHead,
        Self::InAnswerBody,
        Self::AfterAnswer,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BeforeHead => "before the head",
            Self::InHead => "within the head",
            Self::AfterHead => "after the head",
            Self::InBody => "within the body",
            Self::AfterBody => "after the body",
            Self::InAnswerHead => "within the answer's head",
            Self::AfterAnswerHead => "after the answer's head",
            Self::InAnswerBody => "within the answer's body",
            Self::AfterAnswer => "after the answer",
            Self::InHandshake => "within the TLS handshake",
        }
    }

    /// Whether the server has the whole request by then.
    pub(crate) fn processed(self) -> bool {
        !matches!(self, Self::BeforeHead | Self::InHead | Self::AfterHead | Self::InBody | Self::InHandshake)
    }

    fn of_answer(self) -> bool {
        matches!(self, Self::InAnswerHead | Self::AfterAnswerHead | Self::InAnswerBody | Self::AfterAnswer)
    }

    /// How many bytes of a message pass before it strikes.
    fn offset(self, head: usize, total: usize) -> usize {
        match self {
            Self::BeforeHead | Self::InHandshake => 0,
            Self::InHead | Self::InAnswerHead => head / 2,
            Self::AfterHead | Self::AfterAnswerHead => head,
            Self::InBody | Self::InAnswerBody => head + (total - head) / 2,
            Self::AfterBody | Self::AfterAnswer => total,
        }
    }
}

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// Nothing passes for a while.
    Latency,
    /// What is left passes slowly.
    Narrow,
    /// What is left passes in slices, the first ones of one byte.
    Slices,
    /// The connection is closed in order, after a while.
    SlowClose,
    /// The connection is closed in order.
    Close,
    /// The connection is reset.
    Reset,
    /// The connection stays open and nothing passes any more.
    Silence,
}

impl Fault {
    pub(crate) const ALL: [Self; 7] =
        [Self::Latency, Self::Narrow, Self::Slices, Self::SlowClose, Self::Close, Self::Reset, Self::Silence];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Narrow => "narrow band",
            Self::Slices => "slices",
            Self::SlowClose => "slow close",
            Self::Close => "close",
            Self::Reset => "reset",
            Self::Silence => "silence",
        }
    }

    /// Whether the exchange cannot end after it.
    pub(crate) fn is_hard(self) -> bool {
        matches!(self, Self::SlowClose | Self::Close | Self::Reset | Self::Silence)
    }
}

/// A fault at a stage.
pub(crate) type Strike = (Stage, Fault);

const LATENCY: Duration = Duration::from_millis(60);
/// What was written before a reset has to have arrived: a reset throws away what has not.
const SETTLE: Duration = Duration::from_millis(50);

/// The broken network, until it is dropped.
pub(crate) struct Chaos {
    pub(crate) addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Chaos {
    /// Listens on loopback, and carries what comes to `upstream`; `plan` says what the connection of this number meets.
    pub(crate) fn start(
        upstream: SocketAddr,
        plan: impl Fn(usize) -> Option<Strike> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        // Small beside a large body, so that one which is not taken cannot be written either; but larger than one of
        // loopback's packets, for which a smaller window never opens wide enough.
        socket.set_recv_buffer_size(64 * 1024)?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(1024)?;
        let addr = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, upstream, Arc::new(plan)));
        Ok(Self { addr, task })
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    upstream: SocketAddr,
    plan: Arc<dyn Fn(usize) -> Option<Strike> + Send + Sync>,
) {
    // Aborted with this task, and all silent connections with it.
    let mut connections = tokio::task::JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                connections.spawn(carry(client, upstream, plan(number)));
                number += 1;
            }
        }
    }
}

/// Carries one connection. Whatever it meets is the client's to notice.
async fn carry(mut client: TcpStream, upstream: SocketAddr, strike: Option<Strike>) -> io::Result<()> {
    client.set_nodelay(true)?;
    if let Some((Stage::BeforeHead, fault)) = strike
        && fault.is_hard()
    {
        // It is on its way, and nothing of it is taken.
        client.peek(&mut [0]).await?;
        return end(client, fault).await;
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        return end(client, Fault::Reset).await;
    };
    server.set_nodelay(true)?;
    if let Some((stage, fault)) = strike {
        if stage == Stage::InHandshake {
            let mut hello = [0; 64];
            client.read_exact(&mut hello).await?;
            if fault.is_hard() {
                return end(client, fault).await;
            }
            tokio::time::sleep(LATENCY).await;
            for byte in hello {
                server.write_all(&[byte]).await?;
            }
        } else {
            let answer = stage.of_answer();
            let request = (!answer).then_some((stage, fault));
            if pass(&mut client, &mut server, request).await? == Passed::Struck {
                return end(client, fault).await;
            }
            let answer = answer.then_some((stage, fault));
            if pass(&mut server, &mut client, answer).await? == Passed::Struck {
                return end(client, fault).await;
            }
        }
    }
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

#[derive(Debug, PartialEq)]
enum Passed {
    Whole,
    Struck,
}

/// Passes one message on, and strikes on the way.
async fn pass(from: &mut TcpStream, to: &mut TcpStream, strike: Option<Strike>) -> io::Result<Passed> {
    let (mut bytes, mut sent) = (Vec::new(), 0);
    let mut layout: Option<(usize, usize)> = None;
    let mut struck = false;
    loop {
        if layout.is_none() {
            layout = measure(&bytes);
        }
        if let Some((head, total)) = layout {
            let offset = strike.map_or(total, |(stage, _)| stage.offset(head, total));
            let until = if struck { total } else { offset }.min(bytes.len());
            if sent < until {
                let shape = strike.filter(|_| struck).map(|(_, fault)| fault);
                write(to, &bytes[sent..until], shape).await?;
                sent = until;
            }
            if let Some((_, fault)) = strike
                && !struck
                && sent == offset
            {
                if fault.is_hard() {
                    return Ok(Passed::Struck);
                }
                struck = true;
                if fault == Fault::Latency {
                    tokio::time::sleep(LATENCY).await;
                }
                continue;
            }
            if sent == total {
                return Ok(Passed::Whole);
            }
        }
        // No more than has to pass: what is not taken presses back on who writes.
        let wanted = match (layout, strike) {
            (Some((head, total)), Some((stage, fault))) if fault.is_hard() => {
                stage.offset(head, total).saturating_sub(bytes.len()).min(2048)
            }
            _ => 2048,
        };
        let mut chunk = vec![0; wanted.max(1)];
        match from.read(&mut chunk).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

/// The lengths of a message's head and of all of it, once the head is there.
fn measure(bytes: &[u8]) -> Option<(usize, usize)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    Some((head, head + length.unwrap_or(0)))
}

async fn write(to: &mut TcpStream, bytes: &[u8], shape: Option<Fault>) -> io::Result<()> {
    match shape {
        Some(Fault::Narrow) => {
            for piece in bytes.chunks(512) {
                to.write_all(piece).await?;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(())
        }
        Some(Fault::Slices) => {
            let (first, rest) = bytes.split_at(bytes.len().min(1000));
            for piece in first.chunks(1).chain(rest.chunks(1000)) {
                to.write_all(piece).await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        }
        _ => to.write_all(bytes).await,
    }
}

/// Ends the client's connection as the fault says.
async fn end(mut client: TcpStream, fault: Fault) -> io::Result<()> {
    match fault {
        Fault::Reset => {
            tokio::time::sleep(SETTLE).await;
            client.set_zero_linger()
        }
        Fault::Silence => std::future::pending().await,
        _ => {
            if fault == Fault::SlowClose {
                tokio::time::sleep(LATENCY).await;
            }
            client.shutdown().await?;
            // Closed with something unread, it would be a reset.
            let mut rest = [0; 4096];
            let drained = async {
                while client.read(&mut rest).await? > 0 {}
                Ok(())
            };
            tokio::time::timeout(Duration::from_secs(5), drained).await.unwrap_or(Ok(()))
        }
    }
}
