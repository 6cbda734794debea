// The pages of a class: which of them this is, and what all of them do.

import { showExam } from "./exam.js";
import { showPupil } from "./pupil.js";
import { showTeacher } from "./teacher.js";

const places = { join: showPupil, sheet: showExam, room: showTeacher };
for (const [id, show] of Object.entries(places)) if (document.getElementById(id)) show();
