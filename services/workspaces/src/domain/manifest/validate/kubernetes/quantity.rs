//! Amounts, like `500m` or `2Gi`.

/// How an amount has to be written.
const DEMANDS: &str = "must be an amount, like `2`, `500m`, `1.5` or `4Gi`";

/// An amount, to be compared with others of its kind.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct Quantity(f64);

impl Quantity {
    /// Reads an amount as Kubernetes does, except that none is negative.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        if text.len() > 32 || !number.contains(|c: char| c.is_ascii_digit()) {
            return Err(DEMANDS);
        }
        let number: f64 = number.parse().map_err(|_| DEMANDS)?;
        Ok(Self(number * factor(unit).ok_or(DEMANDS)?))
    }

    pub(super) fn is_positive(self) -> bool {
        self.0 > 0.0
    }
}

fn factor(unit: &str) -> Option<f64> {
    let binary = |power: i32| Some(1024_f64.powi(power));
    let decimal = |power: i32| Some(10_f64.powi(power));
    match unit {
        "" => Some(1.0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        unit => {
            let exponent: i32 = unit.strip_prefix(['e', 'E'])?.parse().ok()?;
            (exponent.abs() <= 18).then(|| 10_f64.powi(exponent))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_compared_as_kubernetes_does() {
        for (less, more) in [
            ("500m", "1"),
            ("1023Mi", "1Gi"),
            ("1G", "1Gi"),
            ("1e3", "1001"),
            ("0", "1n"),
            (".5", "1"),
            ("1E", "1Ei"),
            ("5E-1", "0.6"),
        ] {
            assert!(Quantity::read(less).expect(less) < Quantity::read(more).expect(more), "{less} {more}");
        }
        assert_eq!(Quantity::read("1024Ki"), Quantity::read("1Mi"));
        assert!(!Quantity::read("0Gi").expect("read").is_positive());
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for wrong in ["", "Gi", "-1", "+1", "1 Gi", "1gi", "1KiB", "1.2.3", "1e", "1e99", ".", "ten", "1Gi\n"] {
            assert_eq!(Quantity::read(wrong), Err(DEMANDS), "{wrong:?}");
        }
    }
}
