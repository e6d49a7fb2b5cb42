//! The accept loop: HTTP/1.1 over TCP or a Unix socket, every wait and every count bounded.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::edge::Edge;
use crate::linger::Linger;

/// What one listener allows.
#[derive(Clone, Copy, Debug)]
pub struct ServeLimits {
    /// Open connections; further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// For a request's head, from the first moment that the connection waits for it: so an idle connection is closed
    /// after this time, too.
    pub head_deadline: Duration,
    pub headers_max: usize,
    /// Of a request's head, and of what is read ahead.
    pub buffer_bytes_max: usize,
    /// For requests under way when the shutdown begins.
    pub shutdown_deadline: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            head_deadline: Duration::from_secs(10),
            headers_max: 100,
            buffer_bytes_max: 64 * 1024,
            shutdown_deadline: Duration::from_secs(10),
        }
    }
}

/// Something that yields connections.
pub trait Accept {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection and the address of its other end, if it has one.
    ///
    /// # Errors
    /// The operating system's: a lack of file descriptors, say.
    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Option<IpAddr>)>>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, Option<IpAddr>)>> {
        self.poll_accept(context).map_ok(|(stream, peer)| {
            // An answer leaves in one write: waiting for more to send could only delay it.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY was refused");
            }
            (stream, Some(peer.ip()))
        })
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(UnixStream, Option<IpAddr>)>> {
        self.poll_accept(context).map_ok(|(stream, _)| (stream, None))
    }
}

/// Serves `edge` until `shutdown`, then lets requests under way finish and returns.
///
/// Idle connections are closed when the shutdown begins, the others after their answer, and what is still there at
/// [`ServeLimits::shutdown_deadline`] is cut.
pub async fn serve<L: Accept>(
    listener: L,
    edge: Edge,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Arc::new(Semaphore::new(limits.connections_max));
    let (stop, stopping) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                let connection = connection(stream, peer, edge.clone(), limits, stopping.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => back_off(&error).await,
        }
    }
    // Closed before the wait: a client that comes now is refused at once and can go elsewhere.
    drop(listener);
    drop(stopping);
    // Every connection holds a receiver until its end.
    stop.send_replace(());
    if tokio::time::timeout(limits.shutdown_deadline, stop.closed()).await.is_err() {
        tracing::warn!("connections were cut at the end of the shutdown deadline");
    }
}

async fn accept<L: Accept>(
    listener: &L,
    connections: &Arc<Semaphore>,
) -> io::Result<(L::Stream, Option<IpAddr>, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.expect("the semaphore is never closed");
    let (stream, peer) = std::future::poll_fn(|context| listener.poll_accept(context)).await?;
    Ok((stream, peer, permit))
}

/// A connection that died while it waited is the next one's chance; anything else is a lack that needs a moment.
#[expect(clippy::disallowed_methods, reason = "nothing tells when file descriptors are free again")]
async fn back_off(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(%error, "no connection can be accepted, trying again in 100 ms");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: Option<IpAddr>,
    edge: Edge,
    limits: ServeLimits,
    mut stopping: watch::Receiver<()>,
) {
    let respond = service_fn(move |request: hyper::Request<Incoming>| {
        let edge = edge.clone();
        async move { Ok::<_, Infallible>(edge.respond(request.map(Body::new), peer).await) }
    });
    let io = TokioIo::new(Linger::new(stream));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_deadline)
            .max_headers(limits.headers_max)
            .max_buf_size(limits.buffer_bytes_max)
            .keep_alive(true)
            // Held-back answers would be lost when the next request in the pipe is broken.
            .pipeline_flush(false)
            .serve_connection(io, respond)
    );
    let outcome = tokio::select! {
        biased;
        outcome = connection.as_mut() => outcome,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        // The caller's doing: a broken request, a broken connection, or too long a silence.
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
