// Which questions are asked, and which answers call for somebody to talk to: the server's own rules (scoring.py) over
// again, for a phone without a network. It knows no words and no page; the server decides for good when it is sent.

/** The answer's points, as printed; null for one that has none. */
function points(item, answer) {
  if (answer === null || answer === undefined) return null;
  if (item.points) return item.points[answer] ?? null;
  if (item.type !== "integer" && item.type !== "decimal") return null;
  const value = Number(answer);
  return answer.trim() !== "" && Number.isFinite(value) ? value : null;
}

function passes(test, item, answers) {
  const answer = answers[test.item] ?? null;
  if (test.is === "exists") return (answer !== null) === (test.answer === "true");
  if (answer === null) return false;
  if (test.points === undefined) return (answer === test.answer) === (test.is === "=");
  const value = points(item, answer);
  if (value === null) return false;
  switch (test.is) {
    case "=": return value === test.points;
    case "!=": return value !== test.points;
    case ">": return value > test.points;
    case "<": return value < test.points;
    case ">=": return value >= test.points;
    default: return value <= test.points;
  }
}

/** The items these answers leave to be asked, in order: what an unasked item was once answered does not count. */
export function asked(items, answers) {
  if (!items.some((item) => item.when)) return items;
  const known = new Map(items.map((item) => [item.id, item]));
  const open = new Set();
  return items.filter((item) => {
    const tests = (item.when ?? []).map((test) => passes(test, known.get(test.item), open.has(test.item) ? answers : {}));
    const is = tests.length === 0 || (item.all ? tests.every(Boolean) : tests.some(Boolean));
    if (is) open.add(item.id);
    return is;
  });
}

function holds(condition, value, declined) {
  if (condition.every) return condition.every.every((each) => holds(each, value, declined));
  if (condition.some) return condition.some.some((each) => holds(each, value, declined));
  const reached = condition.of.filter(([id, least]) => declined.has(id) || (value.has(id) && value.get(id) >= least));
  return reached.length >= condition.times;
}

/** Whether an answer so far calls for somebody to talk to. What hangs on a total, the server tells. */
export function needsSomeone(items, flags, answers) {
  if (!flags.length) return false;
  const value = new Map();
  const declined = new Set();
  for (const item of asked(items, answers)) {
    if (!(item.id in answers)) continue;
    if (answers[item.id] === null) declined.add(item.id);
    const worth = points(item, answers[item.id]);
    if (worth !== null) value.set(item.id, worth);
  }
  return flags.some((flag) => holds(flag.when, value, flag.declined ? declined : new Set()));
}

/** Whether an item takes what was typed. */
export function takes(item, answer) {
  switch (item.type) {
    case "integer":
    case "decimal": {
      const value = Number(answer);
      if (answer.trim() === "" || !Number.isFinite(value)) return false;
      if (item.type === "integer" && !Number.isInteger(value)) return false;
      return (item.lowest === undefined || value >= item.lowest) && (item.highest === undefined || value <= item.highest);
    }
    case "date": return /^\d{4}-\d\d-\d\d$/.test(answer);
    case "text": return answer.trim() !== "";
    default: return answer !== "";
  }
}
