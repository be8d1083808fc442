//! Tensors as servers really lay them out.

use super::*;

fn asked(count: usize) -> Vec<Asked> {
    let one = Asked {
        text: "x".into(),
        system: "".into(),
        labels: vec!["a".to_owned(), "b".to_owned()],
        images: Vec::new(),
        fields: vec!["confidence".to_owned(), "label".to_owned()],
    };
    vec![one; count]
}

fn read_tensors(count: usize, outputs: Json) -> Items {
    let asked = asked(count);
    let names = [("label".to_owned(), "L".to_owned()), ("confidence".to_owned(), "P".to_owned()), ("more".to_owned(), "M".to_owned())];
    tensors(&names, &asked.iter().collect::<Vec<_>>(), &json!({ "outputs": outputs }))
}

#[test]
fn rows_are_told_apart_however_they_are_nested() {
    for (labels, scores) in [
        (json!(["a", "b"]), json!([0.9, 0.1, 0.2, 0.8])),
        (json!([["a"], ["b"]]), json!([[0.9, 0.1], [0.2, 0.8]])),
        (json!([0, 1]), json!([[[0.9], [0.1]], [[0.2], [0.8]]])),
    ] {
        let found = read_tensors(2, json!([{ "name": "P", "data": scores }, { "name": "L", "data": labels }])).unwrap();
        let found: Vec<Json> = found.into_iter().map(|one| Json::Object(one.unwrap())).collect();
        assert_eq!(found, [json!({ "confidence": 0.9, "label": "a" }), json!({ "confidence": 0.8, "label": "b" })]);
    }
}

#[test]
fn what_does_not_come_out_even_is_refused() {
    let why = read_tensors(2, json!([{ "name": "L", "data": ["a", "b", "a"] }])).unwrap_err();
    assert_eq!(why, "the tensor `L` holds 3 values for 2 texts");
    let why = read_tensors(1, json!([{ "name": "L", "data": [2] }])).unwrap_err();
    assert_eq!(why, "the tensor `L` says no `label`");
    let why = read_tensors(1, json!([{ "name": "L", "data": "a" }])).unwrap_err();
    assert_eq!(why, "it holds no data of a tensor `L`");
}
