// A bar-code reader writes like a keyboard and ends with Enter, which would send a form that is half filled. In a field
// that is scanned Enter leads to the next empty one that is needed; once none is left it sends the form, as elsewhere.
document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (event.key !== "Enter" || event.isComposing) return;
  if (!(field instanceof HTMLInputElement) || !("scan" in field.dataset) || !field.form) return;
  const fields = [...field.form.elements];
  const after = fields.indexOf(field) + 1;
  const inTurn = [...fields.slice(after), ...fields.slice(0, after)];
  const empty = inTurn.find((each) => each.required && !each.disabled && each.value.trim() === "");
  if (!empty) return;
  event.preventDefault();
  empty.focus();
});
