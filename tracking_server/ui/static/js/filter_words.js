// The grammar of filters (tracking/filters.py), as far as it takes to know what may come next.
import { isNumeric } from "./filter_subjects.js";

const LONG = {
  metric: "metric", metrics: "metric", param: "param", params: "param", parameter: "param", parameters: "param",
  tag: "tag", tags: "tag", attribute: "attribute", attributes: "attribute", attr: "attribute", run: "attribute",
  dataset: "dataset", datasets: "dataset",
};

/**
 * What may come at a place of a filter of a subject.
 *
 * @returns {want, typed, start, stop, field, …} or null where nothing can be said. `want` is "field",
 *   "key", "operator", "value", "number", "list" or "and"; what is chosen replaces `start` to `stop`.
 */
export function expected(text, caret, subject) {
  const reader = new Reader(text, caret, subject);
  while (!reader.found && !reader.lost) reader.clause();
  return reader.found;
}

class Reader {
  constructor(text, caret, subject) {
    this.subject = subject;
    this.text = text;
    this.before = text.slice(0, caret);
    this.at = 0;
    this.found = null;
    this.lost = false;
  }

  get rest() { return this.before.slice(this.at); }
  get ended() { return this.at >= this.before.length; }

  space() { this.at += this.rest.match(/^\s*/)[0].length; }

  take(pattern) {
    const match = this.rest.match(pattern);
    if (match) this.at += match[0].length;
    return match;
  }

  /** This is what is wanted: from `start` to the end of the word that the caret is in. */
  want(want, start, more = {}) {
    const { behind = /^[\w./:-]*/, ...others } = more;
    const caret = this.before.length;
    const stop = caret + this.text.slice(caret).match(behind)[0].length;
    this.found = { want, typed: this.before.slice(start), start, stop, ...others };
  }

  clause() {
    this.space();
    const field = this.field();
    if (!field || this.found || this.lost) return;
    const operator = this.operator(field);
    if (!operator || this.found || this.lost) return;
    if (!operator.startsWith("IS")) this.value(field, operator);
    if (this.found || this.lost) return;
    const start = this.at;
    this.space();
    if (/^(A|AN|AND)?$/i.test(this.rest)) this.want("and", this.at, { tight: start === this.at });
    else if (!this.take(/^AND(?!\w)/i)) this.lost = true;
  }

  field() {
    const start = this.at;
    const quoted = this.take(/^(["`])([^"`]*)\1/);
    if (quoted) return this.attribute(quoted[2]);
    const word = this.take(/^[A-Za-z_]\w*/);
    if (!word) {
      if (this.ended) this.want("field", start);
      else this.lost = true;
      return null;
    }
    if (this.ended) {
      this.want("field", start);
      return null;
    }
    if (!this.take(/^\./)) return this.attribute(word[0]);
    const kind = LONG[word[0]];
    if (!Object.hasOwn(this.subject.kinds, kind ?? "")) {
      this.lost = true;
      return null;
    }
    return this.key(kind, start);
  }

  key(kind, start) {
    const opened = this.rest.match(/^["`]/);
    if (opened) {
      const end = this.rest.indexOf(opened[0], 1);
      if (end < 0) {
        this.want("key", start, { kind, words: this.rest.slice(1), behind: new RegExp(`^[^${opened[0]}\\s]*${opened[0]}?`) });
        return null;
      }
      const key = this.rest.slice(1, end);
      this.at += end + 1;
      return kind === "attribute" ? this.attribute(key) : { kind, key };
    }
    const words = this.take(/^[\w./:-]*/)[0];
    if (this.ended) {
      this.want("key", start, { kind, words });
      return null;
    }
    return kind === "attribute" ? this.attribute(words) : { kind, key: words };
  }

  attribute(name) {
    const key = this.subject.others[name.toLowerCase()] || name;
    if (Object.hasOwn(this.subject.attributes, key)) return { kind: "attribute", key };
    this.lost = true;
    return null;
  }

  operator(field) {
    this.space();
    const start = this.at;
    const whole = this.take(/^(>=|<=|!=|<>|==|[=<>])/)
      || this.take(/^(NOT\s+IN|IS\s+NOT\s+NULL|IS\s+NULL|ILIKE|LIKE|IN)(?=[\s('"])/i);
    if (whole) return whole[0].toUpperCase().replace(/\s+/g, " ");
    if (/^!?$|^[A-Za-z]+(\s+[A-Za-z]*)*$/.test(this.rest)) this.want("operator", start, { field, behind: /^\w*/ });
    else this.lost = true;
    return null;
  }

  value(field, operator) {
    this.space();
    if (isNumeric(field, this.subject)) {
      const start = this.at;
      this.take(/^[^\s]*/);
      if (this.ended) this.want("number", start, { field });
    } else if (operator.endsWith("IN")) this.list(field);
    else this.string(field, operator);
  }

  list(field) {
    if (this.ended) {
      this.want("value", this.at, { field, words: "", opens: "(" });
      return;
    }
    if (!this.take(/^\(/)) this.lost = true;
    while (!this.found && !this.lost) {
      this.space();
      this.string(field, "IN");
      if (this.found || this.lost) return;
      this.space();
      if (this.take(/^\)/)) return;
      if (this.ended) this.want("list", this.at);
      else if (!this.take(/^,/)) this.lost = true;
    }
  }

  string(field, operator) {
    const start = this.at;
    const opened = this.rest.match(/^['"]/);
    if (!opened) {
      const word = this.take(/^[^\s'"(),]*/)[0];
      if (this.ended) this.want("value", start, { field, operator, words: word, behind: /^[^\s'"(),]*/ });
      else this.lost = true;
      return;
    }
    const end = this.rest.indexOf(opened[0], 1);
    if (end < 0) {
      const behind = new RegExp(`^[^${opened[0]}\\s),]*${opened[0]}?`);
      this.want("value", start, { field, operator, words: this.rest.slice(1), behind });
    } else this.at += end + 1;
  }
}
