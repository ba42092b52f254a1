//! Floating-point numbers as Go prints them.

/// Go's `%v`: shortest digits that read back, exponent form below 1e-4 and from a million on.
pub fn format(value: f64) -> String {
    let text = format!("{value:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return match value {
            _ if value.is_nan() => "NaN".to_owned(),
            _ if value > 0.0 => "+Inf".to_owned(),
            _ => "-Inf".to_owned(),
        };
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => format!("{value}"),
    }
}

/// As Go's JSON encoder prints it: exponent form below 1e-6 and from 1e21 on, without padding.
pub fn format_json(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        with_exponent(format!("{value:e}"))
    } else {
        value.to_string()
    }
}

/// The same for a number of 32 bits.
pub fn format_json32(value: f32) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        with_exponent(format!("{value:e}"))
    } else {
        value.to_string()
    }
}

fn with_exponent(text: String) -> String {
    if text.contains("e-") { text } else { text.replace('e', "e+") }
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn exponents_begin_where_go_begins_them() {
        for (value, text) in [
            (1.0, "1"),
            (1.1, "1.1"),
            (0.5, "0.5"),
            (123456.5, "123456.5"),
            (1_234_567.0, "1.234567e+06"),
            (1e5, "100000"),
            (1e6, "1e+06"),
            (1e20, "1e+20"),
            (1.2345678901234568e29, "1.2345678901234568e+29"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(format(value), text);
        }
    }
}
