//! Room for texts that are put together, used again and again: asking allocates nothing.

use std::cell::RefCell;

/// Larger buffers are given back.
const LARGEST: usize = 1 << 16;

thread_local! {
    /// Those that are not in use. A question may be asked while another is being answered.
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Lends an empty buffer.
pub(super) fn with_buffer<R>(use_buffer: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut buffer = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
    let result = use_buffer(&mut buffer);
    if buffer.capacity() <= LARGEST {
        buffer.clear();
        SPARE.with_borrow_mut(|spare| spare.push(buffer));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_empty_and_used_again() {
        let first = with_buffer(|buffer| {
            buffer.extend_from_slice(b"text");
            let inner = with_buffer(|inner| inner.as_ptr());
            assert_ne!(inner, buffer.as_ptr());
            buffer.as_ptr()
        });
        with_buffer(|buffer| assert!(buffer.is_empty() && buffer.as_ptr() == first));
        with_buffer(|buffer| buffer.resize(LARGEST + 1, 0));
        with_buffer(|buffer| assert!(buffer.capacity() <= LARGEST));
    }
}
