// Where a new clinic is: fills in the browser's own time zone, and the country it lies in, where nobody has said yet.
// It changes nothing that somebody chose, and saves nothing.
const zone = document.querySelector("select#id_timezone_name[data-guess]");
const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
const place = zone && !zone.value ? [...zone.options].find((option) => option.value === own) : null;
if (place) zone.value = place.value;

const country = document.querySelector("select#id_country[data-guess]");
if (country && !country.value && place?.dataset.country) country.value = place.dataset.country;
