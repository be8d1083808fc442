//! The currencies of ISO 4217, as of 2026. An amount in any other may come in from outside; who writes one down is asked whether he means it.

use super::Currency;

/// Codes of currencies, funds and metals, in the order of the alphabet.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE \
                     CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD \
                     HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD \
                     MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR \
                     RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH \
                     UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS \
                     XUA XXX YER ZAR ZMW ZWG";

impl Currency {
    /// Whether ISO 4217 lists it.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        CODES.split_ascii_whitespace().any(|code| code == self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{CODES, Currency};

    #[test]
    fn the_codes_are_in_order_and_each_is_one() {
        let codes: Vec<&str> = CODES.split_ascii_whitespace().collect();
        assert!(codes.is_sorted() && codes.len() == 180, "{}", codes.len());
        assert!(codes.iter().all(|code| Currency::parse(code).is_some_and(|currency| currency.is_listed())));
        for code in ["USF", "ABC", "BTC", "DEM"] {
            assert!(!Currency::parse(code).unwrap().is_listed(), "{code}");
        }
    }
}
