//! Server-sent events, as far as the agent's own streams use them. Pure.

/// Collects the bytes of a stream and gives the data of each complete event.
#[derive(Debug, Default)]
pub struct Decoder {
    rest: Vec<u8>,
}

impl Decoder {
    /// Takes bytes as they arrive, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// The data of the next event that is complete. Comments, such as those that keep a stream alive, have none.
    pub fn next_event(&mut self) -> Option<String> {
        loop {
            let end = self.rest.windows(2).position(|pair| pair == b"\n\n")?;
            let event: Vec<u8> = self.rest.drain(..end + 2).collect();
            let event = String::from_utf8_lossy(&event);
            let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
            if !data.is_empty() {
                return Some(data.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_whole_however_the_bytes_are_cut() {
        let stream = "event: state\ndata: {\"a\":\"→\"}\n\n: keep alive\n\n:\n\nevent: progress\ndata: 2\n\ndata: half";
        for size in 1..stream.len() {
            let (mut decoder, mut events) = (Decoder::default(), Vec::new());
            for bytes in stream.as_bytes().chunks(size) {
                decoder.push(bytes);
                events.extend(std::iter::from_fn(|| decoder.next_event()));
            }
            assert_eq!(events, ["{\"a\":\"→\"}", "2"], "in pieces of {size}");
        }
    }
}
