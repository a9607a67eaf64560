//! The `Range` header of RFC 9110, for a single range.

/// The part of a file that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RangeRequest {
    /// The whole file: no range, several ranges, or an invalid one.
    Whole,
    /// Bytes `start` to `end`, both included.
    Part { start: u64, end: u64 },
    /// A range beyond the file.
    Unsatisfiable,
}

/// Parses a `Range` header for a file of `length` bytes.
pub(super) fn parse(header: Option<&str>, length: u64) -> RangeRequest {
    let Some(ranges) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return RangeRequest::Whole;
    };
    // Several ranges would need a multipart response; the whole file is allowed too.
    let Some((first, last)) = ranges.trim().split_once('-') else { return RangeRequest::Whole };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than fit are a number beyond any file.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (first, last) {
        ("", last) => match number(last) {
            None => RangeRequest::Whole,
            Some(0) => RangeRequest::Unsatisfiable,
            Some(_) if length == 0 => RangeRequest::Unsatisfiable,
            Some(count) => RangeRequest::Part { start: length.saturating_sub(count), end: length - 1 },
        },
        (first, last) => {
            let end = if last.is_empty() { Some(u64::MAX) } else { number(last) };
            match (number(first), end) {
                (Some(start), Some(end)) if start > end => RangeRequest::Whole,
                (Some(start), Some(_)) if start >= length => RangeRequest::Unsatisfiable,
                (Some(start), Some(end)) => RangeRequest::Part { start, end: end.min(length - 1) },
                _ => RangeRequest::Whole,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        let part = |start, end| RangeRequest::Part { start, end };
        for (header, expected) in [
            ("bytes=0-9", part(0, 9)),
            ("bytes=10-", part(10, 99)),
            ("bytes=-10", part(90, 99)),
            ("bytes=-1000", part(0, 99)),
            ("bytes=99-200", part(99, 99)),
            ("bytes=0-99999999999999999999999", part(0, 99)),
            ("bytes=100-", RangeRequest::Unsatisfiable),
            ("bytes=99999999999999999999999-", RangeRequest::Unsatisfiable),
            ("bytes=-0", RangeRequest::Unsatisfiable),
            ("bytes=9-0", RangeRequest::Whole),
            ("bytes=0-1,5-6", RangeRequest::Whole),
            ("bytes=-", RangeRequest::Whole),
            ("bytes=a-b", RangeRequest::Whole),
            ("bytes=+1-2", RangeRequest::Whole),
            ("lines=0-1", RangeRequest::Whole),
            ("", RangeRequest::Whole),
        ] {
            assert_eq!(parse(Some(header), 100), expected, "{header}");
        }
        assert_eq!(parse(None, 100), RangeRequest::Whole);
        assert_eq!(parse(Some("bytes=0-"), 0), RangeRequest::Unsatisfiable);
        assert_eq!(parse(Some("bytes=-1"), 0), RangeRequest::Unsatisfiable);
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_file_whatever_was_asked(header in "(bytes=)?[0-9 ,+-]{0,50}|\\PC{0,20}", length in prop_oneof![0..20_u64, any::<u64>()]) {
            if let RangeRequest::Part { start, end } = parse(Some(&header), length) {
                prop_assert!(start <= end && end < length, "{} of {}", header, length);
            }
        }

        #[test]
        fn a_range_picks_the_bytes_that_counting_picks(first in 0..30_u64, last in proptest::option::of(0..30_u64), length in 0..20_u64) {
            let picked = |ask: RangeRequest| match ask {
                RangeRequest::Part { start, end } => (start..=end).collect::<Vec<_>>(),
                RangeRequest::Whole => (0..length).collect(),
                RangeRequest::Unsatisfiable => Vec::new(),
            };
            let header = format!("bytes={first}-{}", last.map(|last| last.to_string()).unwrap_or_default());
            let expected: Vec<_> = match last {
                // No range at all, which is as good as none.
                Some(last) if last < first => (0..length).collect(),
                _ => (0..length).filter(|at| *at >= first && last.is_none_or(|last| *at <= last)).collect(),
            };
            prop_assert_eq!(picked(parse(Some(&header), length)), expected);
            let suffix: Vec<_> = (0..length).filter(|at| length - at <= first).collect();
            prop_assert_eq!(picked(parse(Some(&format!("bytes=-{first}")), length)), suffix);
        }
    }
}
