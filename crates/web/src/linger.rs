//! Closing a connection so that the last answer arrives.
//!
//! A server that refuses a body before reading it, and closes with bytes still unread, makes the kernel send a reset,
//! and the reset can throw the answer away before the client has read it (RFC 9112 §9.6).
//! So the write half is closed first, and for a moment the rest is read and thrown away.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How long and how much is read after the last answer.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A stream whose shutdown waits for the other end to close, within limits.
pub(crate) struct Linger<S> {
    stream: S,
    /// Set once the write half is closed.
    closing: Option<Pin<Box<Sleep>>>,
    read_bytes: usize,
}

impl<S> Linger<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, closing: None, read_bytes: 0 }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Linger<S> {
    /// Ready at the end of the stream or of our patience.
    fn poll_drain(&mut self, deadline: &mut Pin<Box<Sleep>>, context: &mut Context<'_>) -> Poll<()> {
        let mut waste = [0; 16 * 1024];
        while self.read_bytes < LINGER_BYTES_MAX && deadline.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut waste);
            let outcome = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            let count = buffer.filled().len();
            if outcome.is_err() || count == 0 {
                break;
            }
            self.read_bytes += count;
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Linger<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Linger<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let mut deadline = match this.closing.take() {
            Some(deadline) => deadline,
            None => {
                ready!(pin!(&mut this.stream).poll_shutdown(context))?;
                #[expect(
                    clippy::disallowed_methods,
                    reason = "a client that never closes is waited for by time only"
                )]
                Box::pin(tokio::time::sleep(LINGER))
            }
        };
        let drained = this.poll_drain(&mut deadline, context);
        this.closing = Some(deadline);
        drained.map(Ok)
    }
}
