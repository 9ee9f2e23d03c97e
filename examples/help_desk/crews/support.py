"""The support crew."""

from agents.support_agent import support_agent
from newfuse import Crew
from tasks.question_intake import question_intake

crew = Crew("support", agents=[support_agent], tasks=[question_intake])
