//! Values of declared types, the odd ones among them: nothing, the greatest, a leap day.

use crate::expression::below;
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::ty::{Ty, TypeTable};
use tradewind_lang::value::Value;
use tradewind_tests::random::Random;

const DAY: i64 = 86_400_000_000;

const INTS: &[i64] = &[0, 1, -1, 2, 3, 7, 200, -40, i64::MAX, i64::MIN, 1 << 53];
const DOUBLES: &[f64] = &[0.0, -0.0, 0.5, -1.5, 3.0, 0.999, 1e300, -1e300, f64::MAX, f64::MIN_POSITIVE, 9e18];
const TEXTS: &[&str] =
    &["", "a", "o1", "12", "30d", "1 USD", "é🦀", "2024-02-29T00:00:00Z", "{{ x }}", "true", " b\n", "0x1f", "-1.5", "USD", "happy"];
const AMOUNTS: &[&str] = &[
    "0 USD",
    "0.01 USD",
    "12.30 USD",
    "100.005 USD",
    "-5 USD",
    "250 USD",
    "79228162514264337593543950335 USD",
    "0.0000000000000000000000000001 USD",
    "3 JPY",
    "2.5 EUR",
];
/// Microseconds: 1970, a leap day's last second, the first instant and the last, a day of the project.
const INSTANTS: &[i64] = &[0, 1_709_251_199_000_000, -62_135_596_800_000_000, 253_402_207_200_000_000, 1_767_225_600_000_000];
const SPANS: &[i64] = &[0, 1, 3_600_000_000, DAY, 30 * DAY, -DAY, 3_652_058 * DAY, -3_652_058 * DAY];
const DECIMALS: &[&str] = &["0", "1.5", "-2.25", "79228162514264337593543950335", "0.0000000000000000000000000001"];

/// A value of a type.
pub(crate) fn value(random: &mut Random, ty: &Ty, types: &TypeTable) -> Value {
    match ty {
        Ty::Bool => Value::Bool(random.below(2) == 0),
        Ty::Int => Value::Int(if random.below(3) == 0 { INTS[below(random, INTS.len())] } else { random.below(12) as i64 - 2 }),
        Ty::Double => {
            Value::Double(if random.below(2) == 0 { DOUBLES[below(random, DOUBLES.len())] } else { random.below(200) as f64 / 8.0 })
        }
        Ty::String if random.below(60) == 0 => Value::string("long ".repeat(2000)),
        Ty::String => Value::string(TEXTS[below(random, TEXTS.len())]),
        Ty::Bytes => Value::Bytes(Arc::from(&[0_u8, 255][..below(random, 3)])),
        Ty::Timestamp => Value::Timestamp(INSTANTS[below(random, INSTANTS.len())]),
        Ty::Duration => Value::Duration(SPANS[below(random, SPANS.len())]),
        // Mostly sums that can be worked with.
        Ty::Money => {
            let amounts = if random.below(3) > 0 { &AMOUNTS[..4] } else { AMOUNTS };
            Value::Money(Money::parse(amounts[below(random, amounts.len())]).expect("an amount"))
        }
        Ty::Decimal => Value::Decimal(tradewind_lang::literal::decimal(DECIMALS[below(random, DECIMALS.len())]).expect("a decimal")),
        Ty::Json | Ty::Unknown => Value::Int(1),
        Ty::List(item) => {
            let count = below(random, 4);
            Value::list((0..count).map(|_| value(random, item, types)).collect::<Vec<_>>())
        }
        Ty::Map(item) => {
            let keys = [&[][..], &["a"][..], &["a", "é b"][..]][below(random, 3)];
            Value::Record(Arc::new(keys.iter().map(|key| ((*key).to_owned(), value(random, item, types))).collect()))
        }
        Ty::Optional(_) if random.below(3) == 0 => Value::Null,
        Ty::Optional(of) => value(random, of, types),
        Ty::Enum(name) => {
            let values = types.enums.get(name).expect("a declared enum");
            Value::string(values[below(random, values.len())].as_str())
        }
        Ty::Record(name) => {
            let fields = &types.records.get(name).expect("a declared type").fields;
            Value::Record(Arc::new(fields.iter().map(|field| (field.name.clone(), value(random, &field.ty, types))).collect()))
        }
        Ty::Object(fields) => Value::Record(Arc::new(fields.iter().map(|(name, ty)| (name.clone(), value(random, ty, types))).collect())),
        Ty::Null | Ty::UInt | Ty::Type | Ty::Keyed(..) | Ty::Dyn => Value::Null,
    }
}
