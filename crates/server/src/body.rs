//! Bodies of requests: read in time, up to a size, within the memory that all requests share, and decompressed.
//!
//! A request's memory is a multiple of its body ([`WORK`]). Small ones are never refused for want of memory;
//! of what is left to large ones, a client has at most half.

use crate::api::fields::Fields;
use crate::error::{ApiError, Kind};
use crate::idle::IdleConnection;
use crate::service::{Caller, Service};
use crate::shares::Share;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;
use std::io::{self, Read};
use std::sync::Arc;

/// Bodies up to this size take no share of the memory, and are parsed where they are read.
const SMALL: usize = 64 << 10;
/// Memory of a request while it is worked out, in multiples of its size: 64 MiB for the largest body of 8 MiB.
const WORK: usize = 8;
/// Of those, how many times the values that a body is parsed to.
const VALUES: usize = 6;
/// Memory that a body's values may take however small the largest body is.
const FEWEST_VALUES: usize = 1 << 20;
/// Memory is shared in pieces of this size.
const PIECE: usize = 1 << 10;
/// Seconds after which a client may try again when the memory is taken.
const RETRY_AFTER: u64 = 2;

/// Compression of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Gzip,
    Zstd,
}

/// A body on its way in.
struct Arriving<'a> {
    service: &'a Arc<Service>,
    client: u64,
    bytes: Vec<u8>,
    /// Number of bytes that have come, whether or not they are kept.
    length: usize,
    memory: Option<Share>,
    /// Pieces of memory that are held.
    pieces: usize,
}

/// The request with its body in memory, if it is small enough and came in time, and the memory that it may use.
///
/// # Errors
/// A body that is too large, late, broken off or compressed in another way, or memory that others use.
pub(crate) async fn read(
    request: Request,
    service: &Arc<Service>,
    client: u64,
) -> Result<(Request, Option<Share>), ApiError> {
    let (limits, headers) = (&service.limits, request.headers());
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > limits.body_bytes as u64) {
        return Err(too_large(limits.body_bytes));
    }
    let encoding = encoding(&request)?;
    let seat = request.extensions().get::<Arc<IdleConnection>>().cloned();
    let (parts, body) = request.into_parts();
    let mut arriving = Arriving { service, client, bytes: Vec::new(), length: 0, memory: None, pieces: 0 };
    let late = |_| {
        let seconds = limits.read_time.as_secs();
        ApiError::new(Kind::BodyTimeout, format!("the body did not come within {seconds} s (--read-seconds)"))
    };
    tokio::time::timeout(limits.read_time, arriving.take(body, seat.as_deref())).await.map_err(late)??;
    if let Some(seat) = seat {
        seat.go();
    }
    if let Some(encoding) = encoding {
        let (compressed, most) = (std::mem::take(&mut arriving.bytes), limits.body_bytes);
        arriving.bytes = service.work(client, move |_| decoded(&compressed, encoding, most)).await??;
    }
    arriving.hold(arriving.bytes.len().saturating_mul(WORK))?;
    Ok((Request::from_parts(parts, Body::from(arriving.bytes)), arriving.memory))
}

impl Arriving<'_> {
    /// Takes all of a body. Where there is no memory for it, the rest is passed over, so that the refusal is read.
    async fn take(&mut self, mut body: Body, seat: Option<&IdleConnection>) -> Result<(), ApiError> {
        let (most, mut refused) = (self.service.limits.body_bytes, None);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| ApiError::invalid("the body broke off"))?;
            let Ok(data) = frame.into_data() else { continue };
            self.length = self.length.saturating_add(data.len());
            if self.length > most {
                return Err(too_large(most));
            }
            if let Some(seat) = seat {
                seat.moved();
            }
            if refused.is_some() {
                continue;
            }
            match self.hold(self.length) {
                Ok(()) => self.bytes.extend_from_slice(&data),
                Err(error) => {
                    (self.bytes, self.memory) = (Vec::new(), None);
                    refused = Some(error);
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Makes sure that so many bytes of memory are held, unless the body is small. A client that has its whole share to
    /// itself holds enough.
    fn hold(&mut self, bytes: usize) -> Result<(), ApiError> {
        if bytes <= SMALL * WORK && self.bytes.len() <= SMALL {
            return Ok(());
        }
        let memory = &self.service.memory;
        let wanted = bytes.div_ceil(PIECE).min(memory.most()).saturating_sub(self.pieces);
        if wanted == 0 {
            return Ok(());
        }
        let more = u32::try_from(wanted).ok().and_then(|wanted| memory.try_take(self.client, wanted));
        let more = more.ok_or_else(|| {
            let sentence = "the memory for large requests is in use (--request-memory); try again in a moment";
            ApiError::new(Kind::Busy { retry_after: RETRY_AFTER }, sentence).code("memory_full")
        })?;
        self.pieces += wanted;
        match &mut self.memory {
            Some(memory) => memory.merge(more),
            None => self.memory = Some(more),
        }
        Ok(())
    }
}

fn too_large(most: usize) -> ApiError {
    let sentence = format!("the body is larger than the {most} bytes that the server takes (--max-body-bytes)");
    ApiError::new(Kind::TooLarge, sentence)
}

fn encoding(request: &Request) -> Result<Option<Encoding>, ApiError> {
    let named: Vec<&str> = request
        .headers()
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"))
        .collect();
    match named.as_slice() {
        [] => Ok(None),
        [one] if one.eq_ignore_ascii_case("gzip") || one.eq_ignore_ascii_case("x-gzip") => Ok(Some(Encoding::Gzip)),
        [one] if one.eq_ignore_ascii_case("zstd") => Ok(Some(Encoding::Zstd)),
        _ => {
            let names = named.join(", ");
            let sentence = format!("the body is encoded as {names}, but the server takes gzip or zstd, or no encoding");
            Err(ApiError::new(Kind::Encoding, sentence).code("unsupported_encoding"))
        }
    }
}

fn decoded(compressed: &[u8], encoding: Encoding, most: usize) -> Result<Vec<u8>, ApiError> {
    let name = if encoding == Encoding::Gzip { "gzip" } else { "zstd" };
    let wrong = |error: String| ApiError::invalid(format!("the body is no {name} data: {error}"));
    let mut bytes = Vec::new();
    let read = |reader: &mut dyn Read, bytes: &mut Vec<u8>| -> io::Result<usize> {
        // One more than may be, so that what is too large is told from what just fits.
        reader.take(most as u64 + 1).read_to_end(bytes)
    };
    match encoding {
        Encoding::Gzip => read(&mut flate2::read::MultiGzDecoder::new(compressed), &mut bytes),
        Encoding::Zstd => {
            let mut decoder = ruzstd::decoding::StreamingDecoder::new(compressed).map_err(|e| wrong(e.to_string()))?;
            read(&mut decoder, &mut bytes)
        }
    }
    .map_err(|error| wrong(error.to_string()))?;
    if bytes.len() > most { Err(too_large(most)) } else { Ok(bytes) }
}

impl FromRequest<Arc<Service>> for Fields {
    type Rejection = ApiError;

    /// The fields of the body; a large one is parsed on a thread that may take its time.
    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, ApiError> {
        let client = request.extensions().get::<Caller>().map_or(0, |caller| caller.client);
        let bytes = Bytes::from_request(request, service).await;
        let bytes = bytes.map_err(|error| ApiError::invalid(format!("the body broke off: {error}")))?;
        let most = service.limits.body_bytes.saturating_mul(VALUES).max(FEWEST_VALUES);
        if bytes.len() <= SMALL {
            return parsed(&bytes, most);
        }
        service.work(client, move |_| parsed(&bytes, most)).await?
    }
}

fn parsed(bytes: &[u8], most: usize) -> Result<Fields, ApiError> {
    let needed = values_bytes(bytes);
    if needed <= most {
        return Fields::parse(bytes);
    }
    let mib = |bytes: usize| bytes.div_ceil(1 << 20);
    let sentence = format!(
        "the body has so many values that they would take {} MiB of memory, but one request may take {}; send fewer, or \
         start the server with a larger --max-body-bytes",
        mib(needed),
        mib(most)
    );
    Err(ApiError::new(Kind::TooLarge, sentence))
}

/// At most how many bytes the values of a JSON text take once it is parsed, beside its texts themselves. Counts marks
/// outside texts; vectors have up to twice the room that they need, and room for four to begin with.
fn values_bytes(json: &[u8]) -> usize {
    const VALUE: usize = size_of::<serde_json::Value>();
    const ENTRY: usize = VALUE + size_of::<String>() + size_of::<u64>();
    /// Overhead of an allocation.
    const ALLOCATION: usize = 32;
    let mut sum = VALUE;
    let (mut in_text, mut is_escaped) = (false, false);
    for byte in json {
        if in_text {
            match (is_escaped, byte) {
                (true, _) => is_escaped = false,
                (false, b'\\') => is_escaped = true,
                (false, b'"') => in_text = false,
                _ => {}
            }
            continue;
        }
        sum += match byte {
            b'"' => {
                in_text = true;
                ALLOCATION
            }
            b',' => 2 * VALUE,
            b':' => 2 * ENTRY,
            b'[' => 4 * VALUE + ALLOCATION,
            b'{' => 4 * ENTRY + 3 * ALLOCATION,
            _ => 0,
        };
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn bodies_are_decompressed_up_to_a_size() {
        let text = br#"{"prompt": "one two"}"#.repeat(50);
        for (encoding, bytes) in [(Encoding::Gzip, gzip(&text)), (Encoding::Zstd, zstd(&text))] {
            assert_eq!(decoded(&bytes, encoding, text.len()).unwrap(), text);
            assert_eq!(decoded(&bytes, encoding, text.len() - 1).unwrap_err().kind, Kind::TooLarge);
            let broken = bytes.get(..bytes.len() / 2).unwrap();
            assert!(decoded(broken, encoding, 1 << 20).unwrap_err().message.contains("the body is no"));
            assert!(decoded(b"{}", encoding, 1 << 20).is_err());
        }
        // A small body of much: what it holds beyond the limit is never made.
        let bomb = gzip(&vec![b' '; 64 << 20]);
        assert_eq!(decoded(&bomb, Encoding::Gzip, 1 << 20).unwrap_err().kind, Kind::TooLarge);
    }

    #[test]
    fn what_values_take_is_known_before_they_are_made() {
        let many = |item: &str| format!("[{}0]", item.repeat(1 << 16));
        for item in ["0,", "[],", "{\"\":0},", "{\"\":[0]},", "\"\","] {
            let text = many(item);
            let least = (1 << 16) * size_of::<serde_json::Value>();
            assert!(values_bytes(text.as_bytes()) >= least, "{item}");
            assert_eq!(parsed(text.as_bytes(), least).unwrap_err().kind, Kind::TooLarge, "{item}");
        }
        // Marks in texts are texts.
        let text = format!(r#"{{"prompt": "{}\"{}"}}"#, "[,:{".repeat(1 << 16), "[,:{".repeat(1 << 16));
        assert!(values_bytes(text.as_bytes()) < 2048);
        assert!(parsed(text.as_bytes(), FEWEST_VALUES).is_ok());
    }
}
