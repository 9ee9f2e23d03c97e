"""The crew engine: agents, tasks and crews on LangGraph. Importing it loads no LangChain; running a crew does."""

from newfuse.crew.agent import Agent
from newfuse.crew.answer import answer
from newfuse.crew.crew import Crew
from newfuse.crew.job import Job
from newfuse.crew.runbook import Brief, Call, Procedure, Runbook, ToolFailed, call, runbook
from newfuse.crew.task import Task
from newfuse.crew.tool import Tool, ToolResult, tool
from newfuse.records.dataset import Dataset, Disposition, Entry

__all__ = [
    "Agent",
    "Brief",
    "Call",
    "Crew",
    "Dataset",
    "Disposition",
    "Entry",
    "Job",
    "Procedure",
    "Runbook",
    "Task",
    "Tool",
    "ToolFailed",
    "ToolResult",
    "answer",
    "call",
    "runbook",
    "tool",
]
