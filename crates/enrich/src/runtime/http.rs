//! One HTTP question over a unix socket.
//!
//! Each question has its own connection. That costs little on a unix socket, and a runtime that was restarted is found
//! again without further ado.

use std::path::Path;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::{malformed, unreachable};
use crate::error::Error;

/// Most bytes of an answer.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Gets a resource. `None` where there is none of this name.
pub(super) async fn get(socket: &Path, target: &str) -> Result<Option<Bytes>, Error> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|error| unreachable(socket, &error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| unreachable(socket, &error))?;
    let request = Request::get(target)
        .header(header::HOST, "localhost")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| malformed(socket, &error))?;
    let asking = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| unreachable(socket, &error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MOST_BYTES)
            .collect()
            .await
            .map_err(|error| malformed(socket, &error))?
            .to_bytes();
        match status {
            StatusCode::OK => Ok(Some(body)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(Error::Refused {
                path: socket.to_owned(),
                reason: status.to_string(),
            }),
        }
    };
    // The connection only moves while it is polled. It ends before the question where the runtime closes it; what it
    // has to say about that, the question says too.
    tokio::pin!(asking);
    tokio::pin!(connection);
    tokio::select! {
        result = &mut asking => result,
        _ = &mut connection => asking.await,
    }
}
