// SPDX-License-Identifier: BSD-2-Clause
// Reads PerfView's stack file the way PerfView does, with .NET's XmlReader, and holds it against what PerfView relies on.
// usage: read_perfview.exe FILE.  Prints a line for each sample: metric, time, frames from root to leaf, by 0x1f.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;
using System.Xml;

static class ReadPerfView
{
	static readonly List<string> frames = new List<string>();
	static readonly List<int[]> stacks = new List<int[]>();
	static readonly Dictionary<string, int> counts = new Dictionary<string, int>();
	static int samples;

	static void Must(bool holds, string what)
	{
		if (!holds)
			throw new FormatException(what);
	}

	static int Number(XmlReader reader, string name)
	{
		return int.Parse(reader.GetAttribute(name), CultureInfo.InvariantCulture);
	}

	static void Sample(XmlReader reader, StringBuilder line)
	{
		string time = reader.GetAttribute("Time") ?? "";
		Must(Number(reader, "ID") == samples++, "samples are numbered");
		if (time != "")
			Must(double.Parse(time, CultureInfo.InvariantCulture) >= 0, "time");
		Must(float.Parse(reader.GetAttribute("Metric"), CultureInfo.InvariantCulture) >= 0, "metric");
		line.Clear().Append(reader.GetAttribute("Metric")).Append('\x1f').Append(time);
		var path = new List<string>();
		for (int at = Number(reader, "StackID"); at != -1; at = stacks[at][0])
			path.Add(frames[stacks[at][1]]);
		path.Reverse();
		foreach (string frame in path)
			line.Append('\x1f').Append(frame);
	}

	static void Element(XmlReader reader, StringBuilder line, TextWriter output)
	{
		switch (reader.Name) {
		case "Frames":
		case "Stacks":
		case "Samples":
			counts.Add(reader.Name, Number(reader, "Count"));
			break;
		case "Frame":
			Must(Number(reader, "ID") == frames.Count, "frames are numbered");
			reader.Read();
			frames.Add(reader.ReadContentAsString());
			break;
		case "Stack":
			Must(Number(reader, "ID") == stacks.Count, "stacks are numbered");
			stacks.Add(new[] { Number(reader, "CallerID"), Number(reader, "FrameID") });
			Must(stacks[stacks.Count - 1][0] < stacks.Count - 1, "a caller stands before what it calls");
			Must(stacks[stacks.Count - 1][1] < frames.Count, "a stack's frame is there");
			break;
		case "Sample":
			Sample(reader, line);
			output.Write(line.Append('\n').ToString());
			break;
		}
	}

	static int Main(string[] args)
	{
		var settings = new XmlReaderSettings { IgnoreWhitespace = true, IgnoreComments = true, CheckCharacters = false };
		var line = new StringBuilder();

		using (var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)))
		using (var reader = XmlReader.Create(args[0], settings)) {
			while (reader.Read()) {
				if (reader.NodeType == XmlNodeType.Element)
					Element(reader, line, output);
			}
		}
		Must(counts["Frames"] == frames.Count && counts["Stacks"] == stacks.Count && counts["Samples"] == samples, "counts");
		return 0;
	}
}
