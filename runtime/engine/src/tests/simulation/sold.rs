//! The flows of the simulation that measure: a series as it came, the same one with its old points merged, and one that has to be fresh.

/// Three series of the same events.
pub(super) const SOLD: &str = r#"
type "sale" { field "sku" string; field "units" int; field "at" timestamp }
series "apart" point="sale" subject="sku" at="at" retention="400d" { from event="sale" }
series "merged" point="sale" subject="sku" at="at" retention="400d" {
    from event="sale"
    rollup "1h" after="2h"
    rollup "1d" after="2d"
}
series "lively" point="sale" subject="sku" at="at" retention="400d" fresh="6h" { from event="sale" }
flow "figures" {
    summary "What was sold"
    input "wish"
    key "=input.id"
    deadline "9h"
    observe "apart" {
        measure {
            sales "=count(apart.units, '300d')"; units "=sum(apart.units, '300d')"
            least "=min(apart.units, '300d')"; most "=max(apart.units, '300d')"; last "=last(apart.units, '300d')"
        }
    }
    observe "merged" {
        measure {
            sales "=count(merged.units, '300d')"; units "=sum(merged.units, '300d')"
            least "=min(merged.units, '300d')"; most "=max(merged.units, '300d')"; last "=last(merged.units, '300d')"
        }
    }
    observe "lively" on-error=skip {
        measure {
            sales "=count(lively.units, '300d')"; units "=sum(lively.units, '300d')"
            least "=min(lively.units, '300d')"; most "=max(lively.units, '300d')"; last "=last(lively.units, '300d')"
        }
    }
    output { sales "=apart.sales"; merged "=merged.units"; fresh "=steps.lively.ran" }
}
"#;
